#include "nodes/files/npy_header.h"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

namespace dagfusion {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlignment = 64, kMostSides = 32;

// The text behind 'key': in the header's Python dictionary.
std::string_view value_of(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}':", key));
  if (at == header.npos) throw std::runtime_error(fmt::format("has no '{}' in its header", key));
  std::string_view rest = header.substr(at + key.size() + 3);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  return rest;
}

NumberFormat format_of(std::string_view descr) {
  constexpr const char* kRemedy = "numpy.save(file, array.astype('float32'))";
  if (descr.starts_with('['))
    throw std::runtime_error(fmt::format("holds records; numbers are read: {}", kRemedy));
  const std::size_t end = descr.size() < 2 ? descr.npos : descr.find('\'', 1);
  if (!descr.starts_with('\'') || end == descr.npos)
    throw std::runtime_error("has a 'descr' that names no type");
  const std::string name(descr.substr(1, end - 1));
  if (name == "|O")
    throw std::runtime_error(
        fmt::format("holds Python objects, a pickle, which is never read; numbers are: {}", kRemedy));
  const char order = name.empty() ? ' ' : name[0], kind = name.size() < 3 ? ' ' : name[1];
  const std::string width = name.size() < 3 ? "" : name.substr(2);
  const bool known =
      (order == '<' || order == '>' || order == '|' || order == '=') &&
      (kind == 'f' ? width == "2" || width == "4" || width == "8"
                   : (kind == 'u' || kind == 'i' || kind == 'b') &&
                         (width == "1" || (kind != 'b' && (width == "2" || width == "4" || width == "8"))));
  if (!known)
    throw std::runtime_error(
        fmt::format("holds {}; integers and float16 to float64 are read: {}", name, kRemedy));
  return {.kind = kind == 'f'   ? NumberFormat::Kind::real
                  : kind == 'i' ? NumberFormat::Kind::integer
                                : NumberFormat::Kind::unsigned_integer,
          .bytes = static_cast<std::size_t>(width[0] - '0'),
          .big_endian = order == '>' && width != "1"};
}

Shape shape_of(std::string_view text) {
  Shape shape;
  if (!text.starts_with('(')) throw std::runtime_error("has a header without a shape");
  for (text.remove_prefix(1); !text.empty() && text[0] != ')';) {
    std::int64_t side = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), side);
    if (error != std::errc() || side < 1)
      throw std::runtime_error("has a shape with a side that is not a number above 0");
    shape.push_back(side);
    if (shape.size() > kMostSides)
      throw std::runtime_error(fmt::format("has a shape of more than {} sides", kMostSides));
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    while (text.starts_with(',') || text.starts_with(' ') || text.starts_with('L')) text.remove_prefix(1);
  }
  return shape;
}

}  // namespace

NpyHeader read_npy_header(std::string_view text) {
  if (text.size() < 10 || text.compare(0, kMagic.size(), kMagic) != 0)
    throw std::runtime_error("is no .npy file");
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(text[i]));
  };
  const bool wide = byte(6) >= 2;  // version 2: four bytes of length
  const std::size_t begin = wide ? 12 : 10;
  std::size_t length = byte(8) | byte(9) << 8;
  if (wide && text.size() >= 12) length |= byte(10) << 16 | byte(11) << 24;
  if (text.size() < begin + length)
    throw std::runtime_error(length > kMostNpyHeader ? "has a header that is longer than any array needs"
                                                     : "is cut short in its header");
  const std::string_view header = text.substr(begin, length);
  NpyHeader made{.bytes = begin + length};
  made.fortran = !value_of(header, "fortran_order").starts_with("False");
  made.stored = format_of(value_of(header, "descr"));
  made.shape = shape_of(value_of(header, "shape"));
  return made;
}

std::string npy_header(const std::string& type, const Shape& shape) {
  std::string sides;
  for (const std::int64_t side : shape) sides += fmt::format("{}, ", side);
  if (shape.size() > 1) sides.resize(sides.size() - 2);
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, sides);
  header.append(kAlignment - 1 - (10 + header.size()) % kAlignment, ' ');
  header += '\n';
  std::string text(kMagic);
  text += {'\x01', '\x00', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  return text + header;
}

}  // namespace dagfusion
