// Brackets of a YAML text that do not pair up, found without yaml-cpp, which says little of them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dagfusion {

struct Bracket {
  char mark = '[';
  std::size_t at = 0;  // byte in the text
  std::size_t line = 1, column = 1;
};

// Those that are open behind the first `end` bytes, outermost first.
std::vector<Bracket> open_brackets(std::string_view text, std::size_t end = std::string_view::npos);

char closing(const Bracket&);

// "the '[' of line 2, column 38"
std::string in_words(const Bracket&);

}  // namespace dagfusion
