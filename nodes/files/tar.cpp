#include "nodes/files/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "nodes/files/file_bytes.h"
#include "nodes/files/zip.h"

namespace dagfusion {
namespace {

constexpr std::uint64_t kBlock = 512, kMostExtra = 1 << 20;

using Header = std::array<std::uint8_t, kBlock>;

std::string_view text(const Header& header, std::size_t at, std::size_t most) {
  const auto* begin = reinterpret_cast<const char*>(header.data()) + at;
  return {begin, ::strnlen(begin, most)};
}

// Octal digits, or, where they did not suffice, a binary number behind a set bit.
std::uint64_t number(const Header& header, std::size_t at, std::size_t count) {
  if ((header[at] & 0x80) != 0) {
    std::uint64_t value = 0;
    for (std::size_t i = std::max<std::size_t>(1, count - 8); i < count; ++i)
      value = value << 8 | header[at + i];
    return value;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t digit = header[at + i];
    if (digit >= '0' && digit <= '7') value = value * 8 + (digit - '0');
  }
  return value;
}

bool sum_is_right(const Header& header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) sum += i >= 148 && i < 156 ? ' ' : header[i];
  return sum == number(header, 148, 8);
}

// "30 path=some/name.png\n", one after the other.
std::string pax_value(std::string_view records, std::string_view key) {
  std::string found;
  while (!records.empty()) {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(records.data(), records.data() + records.size(), length);
    if (error != std::errc() || length < 5 || length > records.size()) break;
    std::string_view record = records.substr(0, length - 1);
    record.remove_prefix(std::min(record.size(), static_cast<std::size_t>(end - records.data()) + 1));
    if (record.starts_with(key) && record.size() > key.size() && record[key.size()] == '=')
      found = record.substr(key.size() + 1);
    records.remove_prefix(length);
  }
  return found;
}

}  // namespace

std::vector<TarMember> list_tar(int file, std::uint64_t size) {
  std::vector<TarMember> members;
  std::string long_name, pax;
  Header header;
  for (std::uint64_t at = 0; at + kBlock <= size;) {
    if (!read_at(file, at, header.data(), header.size())) throw std::runtime_error("cannot be read");
    if (std::all_of(header.begin(), header.end(), [](std::uint8_t b) { return b == 0; })) return members;
    if (!sum_is_right(header))
      throw std::runtime_error(at == 0 ? "is no tar archive"
                                       : "is a damaged tar archive: a header has a wrong checksum");
    std::uint64_t bytes = number(header, 124, 12);
    const char kind = static_cast<char>(header[156]);
    const std::uint64_t begin = at + kBlock;
    const auto extra = [&] {
      if (bytes > kMostExtra)
        throw std::runtime_error("is a damaged tar archive: a name is longer than any name");
      std::string all(bytes, '\0');
      if (!read_at(file, begin, all.data(), all.size())) throw std::runtime_error("is cut short");
      return all;
    };
    if (kind == 'L') {
      long_name = extra().c_str();
    } else if (kind == 'x') {
      pax = extra();
    } else {
      if (const std::string stated = pax_value(pax, "size"); !stated.empty())
        std::from_chars(stated.data(), stated.data() + stated.size(), bytes);
      if (bytes > size || begin > size - bytes) throw std::runtime_error("is cut short");
      std::string name = pax_value(pax, "path");
      if (name.empty()) name = long_name;
      if (name.empty()) {
        const std::string_view prefix =
            text(header, 257, 5) == "ustar" ? text(header, 345, 155) : std::string_view();
        name = fmt::format("{}{}{}", prefix, prefix.empty() ? "" : "/", text(header, 0, 100));
      }
      if (name.starts_with("./")) name.erase(0, 2);
      if ((kind == '0' || kind == '\0') && !name.ends_with('/')) members.push_back({name, begin, bytes});
      long_name.clear();
      pax.clear();
    }
    at = begin + (bytes + kBlock - 1) / kBlock * kBlock;
  }
  throw std::runtime_error("is cut short: a tar archive without an end");
}

bool is_named_like_tar(const std::filesystem::path& path) {
  constexpr std::array<std::string_view, 10> kEndings = {
      ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".taz"};
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view e) { return name.ends_with(e); });
}

}  // namespace dagfusion
