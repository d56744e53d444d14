// Text as troff reads it.
#pragma once

#include <string>

namespace dagfusion {

// Plain text that stands for itself: no requests, escapes or characters that are not ASCII.
std::string roff(const std::string& text);

// The parts `Positionals` and `Options` of what CLI11 writes for --help, as paragraphs with tags.
std::string roff_options(const std::string& help);

}  // namespace dagfusion
