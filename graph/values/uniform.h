// Uniform random numbers for weights, as many at once as a vector holds.
#pragma once

#include <cstddef>

#include "graph/values/random.h"

namespace dagfusion {

// out[4 b + w] = scale * (2 * uniform01(word w of block b) - 1), b from 0: in double, rounded once.
void draw_uniform(const RandomStream& stream, double scale, float* out, std::size_t count);

}  // namespace dagfusion
