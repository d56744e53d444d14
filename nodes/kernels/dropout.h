// Elements set to zero at random, the others scaled.
//
//   y = random(c, p) < threshold ? 0 : scale * x
//   random(c, p) = 16-bit half p % 8 of block c * ceil(P/8) + p / 8 of the stream, a word's lower half first
//
// x, y: one image, [ceil(C/b), P, b]; b = 1 (plain), 8 or 16;
// channels that only fill the last block up are zero.
// The number belongs to the element: it does not depend on the block.
#pragma once

#include <cstddef>

#include "graph/values/bfloat16.h"
#include "graph/values/random.h"

namespace dagfusion::kernels {

struct DropoutShape {
  std::size_t channels = 0, pixels = 0;
  int block = 8;
  std::uint32_t threshold = 0;  // of 65536
  float scale = 1;
};

// y may be x.
void dropout(const DropoutShape& shape, const RandomStream& stream, const float* x, float* y);
void dropout(const DropoutShape& shape, const RandomStream& stream, const BFloat16* x, BFloat16* y);

}  // namespace dagfusion::kernels
