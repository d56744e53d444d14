// gaussian: standard normal numbers from the words of a stream. Value k depends on the stream and k only, not
// on how many are asked for or where they go.
// Box and Muller 1958, "A Note on the Generation of Random Normal Deviates".
//
//   words w0..w3 of block k/4:  u = (floor(w0 / 2) + 0.5) / 2^31 in (0,1],  angle = 2 pi * w1 / 2^32
//   values 4j, 4j+1 = sqrt(-2 ln u) * (cos, sin)(angle); 4j+2, 4j+3 the same from w2 and w3
//
// The largest magnitude possible is sqrt(64 ln 2) = 6.66. Bits may differ between instruction sets, by 1e-6.
#pragma once

#include <cstddef>

#include "graph/values/random.h"

namespace dagfusion::kernels {

// Values first, first+1, … first+n-1 of the stream. first is a multiple of 4; first + n <= 2^34.
void gaussian(const RandomStream& stream, float* out, std::size_t n, std::size_t first = 0);

}  // namespace dagfusion::kernels
