// Pixels between bytes and [-1,1].
#pragma once

#include <cstddef>
#include <cstdint>

namespace dagfusion::kernels {

// x = byte / 127.5 - 1: 0 gives exactly -1, 255 exactly 1.
void bytes_to_signed(const std::uint8_t* bytes, float* x, std::size_t n);

// byte = round((x + 1) * 127.5), half to even, clamped to [0,255];
// NaN gives 0. Inverts bytes_to_signed exactly.
void signed_to_bytes(const float* x, std::uint8_t* bytes, std::size_t n);

}  // namespace dagfusion::kernels
