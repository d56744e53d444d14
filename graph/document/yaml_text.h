// The text of a YAML file, looked at without yaml-cpp:
// where its guesses would be wrong, or its words of little help.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "graph/document/fault.h"

namespace dagfusion {

// What a document may hold, also after its variables are replaced.
constexpr std::size_t most_values = 200'000;
constexpr std::size_t most_levels = 64;

// Refuses what yaml-cpp must not see: bytes that are not UTF-8, control characters (it takes some for the end
// of the file), and brackets by the thousand (its scanner keeps every one that is open).
void check_text(std::string_view text, const std::string& file);

bool is_utf8(std::string_view text);

bool is_null_word(std::string_view text);

std::string_view line_of(std::string_view text, int line);  // from 0

// Behind the closing quote of what opens at `start`; npos when it is never closed.
std::size_t end_of_quoted(std::string_view text, std::size_t start);

// What yaml-cpp says about a syntax error at byte `at`, in words that say what would be right;
// `where` moves to the place that they are about.
std::string explain_syntax_error(const std::string& said, std::string_view text, std::size_t at,
                                 Position& where);

}  // namespace dagfusion
