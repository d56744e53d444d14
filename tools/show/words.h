// Numbers as people read them, and the length of texts as people see it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "graph/document/number.h"
#include "nodes/files/markup.h"

namespace dagfusion {

std::string bytes_in_words(double bytes);             // "312 MiB"
std::string with_commas(std::int64_t n);              // "35,746,307"
std::string in_words(double seconds);                 // "42 s", "3 min 20 s", "2 h 5 min"
std::string rate_in_words(double images_per_second);  // "120 images/s", "0.013 images/s"; "" when 0

// Names of files can hold anything: control characters, which would reach the terminal, as \x1b.
std::string printable(std::string_view);

std::size_t characters(std::string_view);  // of UTF-8: fewer than bytes

}  // namespace dagfusion
