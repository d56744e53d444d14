// How fast this core multiplies and adds, right now: what every figure of speed is compared with.
#pragma once

#include <cstdint>

namespace dagfusion::kernels {

// Runs `rounds` rounds of independent fused multiply-adds in registers; returns the floating-point
// operations done (2 per multiply-add). `sink` receives a value that keeps the compiler honest.
std::int64_t multiply_add_loop(std::int64_t rounds, float* sink);

}  // namespace dagfusion::kernels
