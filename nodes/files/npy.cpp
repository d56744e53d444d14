#include "nodes/files/npy.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include "nodes/files/durable.h"

namespace dagfusion {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlignment = 64;

struct Named {
  DType dtype;
  const char* descr;
};
constexpr std::array<Named, 4> kTypes = {
    {{DType::u8, "|u1"}, {DType::u16, "<u2"}, {DType::i32, "<i4"}, {DType::f32, "<f4"}}};

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw std::runtime_error(fmt::format("'{}' {}", path.string(), what));
}

// The text behind 'key': in the header's Python dictionary.
std::string_view value_of(std::string_view header, std::string_view key, const std::filesystem::path& path) {
  const std::size_t at = header.find(fmt::format("'{}':", key));
  if (at == header.npos) fail(path, fmt::format("has no '{}' in its header", key));
  std::string_view rest = header.substr(at + key.size() + 3);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  return rest;
}

DType dtype_of(std::string_view descr, const std::filesystem::path& path) {
  const std::string name(descr.substr(1, descr.find('\'', 1) - 1));
  for (const Named& t : kTypes)
    if (name == t.descr) return t.dtype;
  fail(path, fmt::format("holds {}; readable are uint8, uint16, int32 and float32: numpy.save(file, "
                         "array.astype('float32'))",
                         name));
}

Shape shape_of(std::string_view text, const std::filesystem::path& path) {
  Shape shape;
  if (!text.starts_with('(')) fail(path, "has a header without a shape");
  for (text.remove_prefix(1); !text.empty() && text[0] != ')';) {
    std::int64_t side = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), side);
    if (error != std::errc() || side < 1 || side > 1 << 30)
      fail(path, "has a shape with a side that is not a number above 0");
    shape.push_back(side);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    while (text.starts_with(',') || text.starts_with(' ')) text.remove_prefix(1);
  }
  return shape;
}

}  // namespace

NpyArray read_npy(const std::filesystem::path& path) {
  const std::string text = read_text(path);
  if (text.size() < 10 || text.compare(0, kMagic.size(), kMagic) != 0) fail(path, "is no .npy file");
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(text[i]));
  };
  const bool wide = byte(6) >= 2;  // version 2: four bytes of length
  const std::size_t begin = wide ? 12 : 10;
  std::size_t length = byte(8) | byte(9) << 8;
  if (wide && text.size() >= 12) length |= byte(10) << 16 | byte(11) << 24;
  if (text.size() < begin + length) fail(path, "is cut short in its header");
  const std::string_view header = std::string_view(text).substr(begin, length);
  if (!value_of(header, "fortran_order", path).starts_with("False"))
    fail(path, "is in Fortran order; numpy.save(file, numpy.ascontiguousarray(array)) is not");
  NpyArray array{.dtype = dtype_of(value_of(header, "descr", path), path),
                 .shape = shape_of(value_of(header, "shape", path), path),
                 .bytes = {}};
  const std::size_t wanted = static_cast<std::size_t>(count_of(array.shape)) * size_of(array.dtype);
  if (text.size() - begin - length != wanted)
    fail(path, fmt::format("holds {} bytes, but its shape {} has {}", text.size() - begin - length,
                           to_string(array.shape), wanted));
  array.bytes.resize(wanted);
  std::memcpy(array.bytes.data(), text.data() + begin + length, wanted);
  return array;
}

void write_npy(const std::filesystem::path& path, DType dtype, const Shape& shape,
               std::span<const std::byte> bytes) {
  std::string descr;
  for (const Named& t : kTypes)
    if (t.dtype == dtype) descr = t.descr;
  if (descr.empty()) throw std::logic_error("write_npy: no such dtype");
  std::string sides;
  for (const std::int64_t side : shape) sides += fmt::format("{}, ", side);
  if (shape.size() > 1) sides.resize(sides.size() - 2);
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, sides);
  header.append(kAlignment - 1 - (10 + header.size()) % kAlignment, ' ');
  header += '\n';
  std::string text(kMagic);
  text += {'\x01', '\x00', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  text += header;
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  replace_file(path, text);
}

}  // namespace dagfusion
