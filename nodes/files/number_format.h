// How numbers lie in files of other programs: kind, width and byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace dagfusion {

struct NumberFormat {
  enum class Kind : char { unsigned_integer, integer, real };
  Kind kind = Kind::unsigned_integer;
  std::size_t bytes = 1;  // 1, 2, 4 or 8; a real has 2, 4 or 8
  bool big_endian = false;

  bool is_byte() const { return kind == Kind::unsigned_integer && bytes == 1; }
  friend bool operator==(const NumberFormat&, const NumberFormat&) = default;
};

std::string name_of(const NumberFormat&);  // "uint8", "float32", "big-endian float64"

// `from` holds as many numbers as `to` has places. 64-bit integers beyond 2^53 are rounded.
void read_numbers(const NumberFormat&, std::span<const std::byte> from, std::span<float> to);
void read_numbers(const NumberFormat&, std::span<const std::byte> from, std::span<double> to);

// One number after the other with its bytes in the order of this machine.
void to_own_byte_order(const NumberFormat&, std::span<std::byte> numbers);

}  // namespace dagfusion
