#include "tools/show/words.h"

#include <fmt/format.h>

#include <algorithm>

namespace dagfusion {

std::string bytes_in_words(double bytes) {
  if (bytes < 1024.0 * 1024) return fmt::format("{:.0f} KiB", bytes / 1024);
  if (bytes < 1024.0 * 1024 * 1024) return fmt::format("{:.0f} MiB", bytes / 1024 / 1024);
  if (bytes < 1024.0 * 1024 * 1024 * 1024) return fmt::format("{:.2f} GiB", bytes / 1024 / 1024 / 1024);
  return fmt::format("{:.2f} TiB", bytes / 1024 / 1024 / 1024 / 1024);
}

std::string with_commas(std::int64_t n) {
  std::string text = std::to_string(n);
  for (int i = static_cast<int>(text.size()) - 3; i > 0; i -= 3)
    text.insert(static_cast<std::size_t>(i), 1, ',');
  return text;
}

std::string in_words(double seconds) {
  const auto s = static_cast<std::int64_t>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

std::string rate_in_words(double images_per_second) {
  if (images_per_second <= 0) return "";
  if (images_per_second < 1) return fmt::format("{:.2g} images/s", images_per_second);
  return fmt::format("{:.1f} images/s", images_per_second);
}

std::string printable(std::string_view text) {
  constexpr unsigned char kDelete = 0x7F, kSecondSet = 0xC2,
                          kSecondSetEnds = 0xA0;  // U+0080 … U+009F in UTF-8
  std::string made;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool second =
        byte == kSecondSet && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < kSecondSetEnds;
    const bool control = (byte < ' ' && byte != '\n' && byte != '\t') || byte == kDelete || second;
    made += control ? fmt::format("\\x{:02x}", byte) : std::string(1, text[i]);
    if (second) made += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++i]));
  }
  return made;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace dagfusion
