#include "graph/number.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <regex>

namespace dagfusion {

namespace {

constexpr std::size_t kLongest =
    64;  // no number is longer; also, std::regex recurses once for each character

bool matches(const std::string& text, const std::regex& pattern) {
  return text.size() <= kLongest && std::regex_match(text, pattern);
}

template <class T>
bool convert(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + (text[0] == '+' ? 1 : 0), end, value);
  return error == std::errc() && stop == end;
}

}  // namespace

bool is_integer(const std::string& text) {
  static const std::regex kInteger("[-+]?(0|[1-9][0-9]*)");
  return matches(text, kInteger);
}

bool is_real(const std::string& text) {
  static const std::regex kReal(R"([-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?)");
  return matches(text, kReal);
}

bool is_infinite_or_nan(const std::string& text) {
  static const std::regex kSpecial(R"([-+]?\.?(inf|infinity|nan))", std::regex::icase);
  return matches(text, kSpecial);
}

bool parse(const std::string& text, std::int64_t& value) { return convert(text, value); }

bool parse(const std::string& text, double& value) { return convert(text, value); }

std::string shown(const std::string& text) {
  static const std::regex kNumberLike("[-+.]?[0-9][-+.0-9A-Za-z_]*");
  if (matches(text, kNumberLike) || is_infinite_or_nan(text)) return text;
  if (text.size() <= kLongest) return "'" + text + "'";
  return "'" + text.substr(0, kLongest) + "…'";
}

std::string number_hint(const std::string& text, bool integer) {
  static const std::regex kHexadecimal("0[xX][0-9a-fA-F]+"),
      kUnderscores(R"([-+]?[0-9]+(_[0-9]+)+(\.[0-9]*)?)"), kLeadingZeros(R"([-+]?0+[0-9]+(\.[0-9]*)?)"),
      kZeros("^([-+]?)0+(?=[0-9])");
  std::int64_t value = 0;
  double real = 0;
  if (matches(text, kHexadecimal)) {
    const auto [stop, error] = std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
    return error == std::errc() ? fmt::format("; in decimal digits it is {}", value) : "";
  }
  if (matches(text, kUnderscores)) {
    std::string digits = text;
    std::erase(digits, '_');
    return "; without underscores it is " + digits;
  }
  if (matches(text, kLeadingZeros))
    return "; without leading zeros it is " + std::regex_replace(text, kZeros, "$1");
  if (integer && is_real(text) && parse(text, real) && real == std::floor(real) && std::abs(real) < 0x1p53)
    return fmt::format("; as an integer it is {:.0f}", real);
  return "";
}

}  // namespace dagfusion
