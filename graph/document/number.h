// How numbers are written in a YAML file: decimal, without leading zeros, underscores or hexadecimal digits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dagfusion {

bool is_integer(const std::string& text);  // 12, -3, +0
bool is_real(const std::string& text);     // 12, 0.5, .5, 2e-4
bool is_infinite_or_nan(const std::string& text);

bool parse(const std::string& text,
           std::int64_t& value);  // of what is_integer() lets through; false: too large
bool parse(const std::string& text,
           double& value);  // of what is_real() lets through; false: too large or small

// The text as it stands in messages: bare when it looks like a number, else in quotes.
std::string shown(const std::string& text);

// What to write for a number in a form that other languages know: "; in decimal digits it is 16", or "" when
// it is none.
std::string number_hint(const std::string& text, bool integer);

std::string counted(std::int64_t n, std::string_view thing);  // "1 image", "12 images"

}  // namespace dagfusion
