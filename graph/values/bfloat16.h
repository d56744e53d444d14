// bfloat16: the upper half of a float.
// What activations are stored in when run.precision says so; sums are taken in float.
#pragma once

#include <bit>
#include <cstdint>

namespace dagfusion {

struct BFloat16 {
  std::uint16_t bits;
};

inline float to_float(BFloat16 x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16); }

// To the nearest, ties to even; NaN stays NaN.
inline BFloat16 to_bfloat16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if (x != x) return {static_cast<std::uint16_t>(bits >> 16 | 0x40)};
  return {static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
}

// A type that is float32 or bfloat16.
inline float to_float(float x) { return x; }
inline void set(float& to, float x) { to = x; }
inline void set(BFloat16& to, float x) { to = to_bfloat16(x); }

}  // namespace dagfusion
