#include "nodes/files/number_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace dagfusion {
namespace {

// IEEE 754 binary16: 5 bits of exponent, 10 of mantissa.
struct Half {
  std::uint16_t bits;
  operator float() const {
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    float value = 0;
    if (exponent == 31)
      value = mantissa == 0 ? INFINITY : NAN;
    else if (exponent == 0)
      value = std::ldexp(static_cast<float>(mantissa), -24);
    else
      value = std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
    return (bits >> 15) != 0 ? -value : value;
  }
};

template <class Stored, class T>
void read_as(std::span<const std::byte> from, bool swapped, std::span<T> to) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    std::array<std::byte, sizeof(Stored)> bytes;
    std::memcpy(bytes.data(), from.data() + i * sizeof(Stored), sizeof(Stored));
    if (swapped) std::reverse(bytes.begin(), bytes.end());
    to[i] = static_cast<T>(std::bit_cast<Stored>(bytes));
  }
}

template <class T>
void read_any(const NumberFormat& format, std::span<const std::byte> from, std::span<T> to) {
  if (from.size() != to.size() * format.bytes) throw std::logic_error("read_numbers: sizes differ");
  const bool swapped = format.big_endian;
  const auto read = [&]<class Stored>(Stored) { read_as<Stored, T>(from, swapped, to); };
  switch (format.kind) {
    case NumberFormat::Kind::unsigned_integer:
      return format.bytes == 1   ? read(std::uint8_t{})
             : format.bytes == 2 ? read(std::uint16_t{})
             : format.bytes == 4 ? read(std::uint32_t{})
                                 : read(std::uint64_t{});
    case NumberFormat::Kind::integer:
      return format.bytes == 1   ? read(std::int8_t{})
             : format.bytes == 2 ? read(std::int16_t{})
             : format.bytes == 4 ? read(std::int32_t{})
                                 : read(std::int64_t{});
    case NumberFormat::Kind::real:
      return format.bytes == 2 ? read(Half{}) : format.bytes == 4 ? read(float{}) : read(double{});
  }
}

}  // namespace

std::string name_of(const NumberFormat& format) {
  const char* kind = format.kind == NumberFormat::Kind::unsigned_integer ? "uint"
                     : format.kind == NumberFormat::Kind::integer        ? "int"
                                                                         : "float";
  return fmt::format("{}{}{}", format.big_endian ? "big-endian " : "", kind, format.bytes * 8);
}

void read_numbers(const NumberFormat& format, std::span<const std::byte> from, std::span<float> to) {
  read_any(format, from, to);
}

void read_numbers(const NumberFormat& format, std::span<const std::byte> from, std::span<double> to) {
  read_any(format, from, to);
}

void to_own_byte_order(const NumberFormat& format, std::span<std::byte> numbers) {
  if (!format.big_endian) return;
  for (std::size_t i = 0; i + format.bytes <= numbers.size(); i += format.bytes)
    std::reverse(numbers.begin() + static_cast<std::ptrdiff_t>(i),
                 numbers.begin() + static_cast<std::ptrdiff_t>(i + format.bytes));
}

}  // namespace dagfusion
