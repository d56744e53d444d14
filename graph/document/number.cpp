#include "graph/document/number.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

namespace dagfusion {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_sign(std::string_view text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  return text;
}

// Takes the digits that `text` begins with; how many.
std::size_t take_digits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto count = static_cast<std::size_t>(end - text.begin());
  text.remove_prefix(count);
  return count;
}

bool has_leading_zero(std::string_view digits) {
  return digits.size() > 1 && digits[0] == '0' && is_digit(digits[1]);
}

template <class T>
bool convert(std::string_view text, T& value) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && stop == text.data() + text.size();
}

}  // namespace

bool is_integer(const std::string& text) {
  std::string_view rest = without_sign(text);
  return !has_leading_zero(rest) && take_digits(rest) > 0 && rest.empty();
}

bool is_real(const std::string& text) {
  std::string_view rest = without_sign(text);
  if (has_leading_zero(rest)) return false;
  std::size_t digits = take_digits(rest);
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    digits += take_digits(rest);
  }
  if (digits == 0) return false;
  if (!rest.starts_with('e') && !rest.starts_with('E')) return rest.empty();
  rest = without_sign(rest.substr(1));
  return take_digits(rest) > 0 && rest.empty();
}

bool is_infinite_or_nan(const std::string& text) {
  std::string word(without_sign(text));
  if (word.starts_with('.')) word.erase(0, 1);
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return word == "inf" || word == "infinity" || word == "nan";
}

bool parse(const std::string& text, std::int64_t& value) { return convert(text, value); }

bool parse(const std::string& text, double& value) { return convert(text, value); }

std::string shown(const std::string& text) {
  constexpr std::size_t kLongest = 64;
  if (text.size() > kLongest) {
    std::size_t end = kLongest;
    while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a character of UTF-8
    return "'" + text.substr(0, end) + "…'";
  }
  constexpr std::string_view kMarks = "-+._";
  std::string_view digits = without_sign(text);
  if (digits.starts_with('.')) digits.remove_prefix(1);
  const bool like_number = !digits.empty() && is_digit(digits[0]) &&
                           std::all_of(digits.begin(), digits.end(), [&](unsigned char c) {
                             return std::isalnum(c) || kMarks.find(static_cast<char>(c)) != kMarks.npos;
                           });
  return like_number || is_infinite_or_nan(text) ? text : "'" + text + "'";
}

std::string number_hint(const std::string& text, bool integer) {
  std::int64_t value = 0;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + 2, end, value, 16);
    return error == std::errc() && stop == end ? fmt::format("; in decimal digits it is {}", value) : "";
  }
  std::string plain = text;
  std::erase(plain, '_');
  if (plain != text) return is_real(plain) && text[0] != '_' ? "; without underscores it is " + plain : "";
  const std::size_t sign = text.size() - without_sign(text).size();
  while (has_leading_zero(without_sign(plain))) plain.erase(sign, 1);
  if (plain != text) return is_real(plain) ? "; without leading zeros it is " + plain : "";
  double real = 0;
  if (integer && is_real(text) && parse(text, real) && real == std::floor(real) && std::abs(real) < 0x1p53)
    return fmt::format("; as an integer it is {:.0f}", real);
  return "";
}

std::string counted(std::int64_t n, std::string_view thing) {
  return fmt::format("{} {}{}", n, thing, n == 1 ? "" : "s");
}

}  // namespace dagfusion
