// What needs a core with bfloat16 dot products (AVX512-BF16); on another one it is an illegal instruction.
#pragma once

#include "nodes/kernels/bfloat16.h"
#include "nodes/kernels/convolution.h"

namespace dagfusion::kernels {

bool has_bfloat16_dots();  // of this core

// As multiply_add_loop (peak.h), of dot products of two
// bfloat16 pairs added to a float: 4 operations in each lane.
std::int64_t dot_loop(std::int64_t rounds, float* sink);

// As convolution_gradient, for x and dy in bfloat16; products are exact, sums in float32.
// The block is 16 and x is not plain. scratch: convolution_gradient_scratch() bytes, aligned to 64.
void convolution_gradient(const ConvolutionShape& shape, const BFloat16* x, const BFloat16* dy,
                          float* dweight, float* dbias, std::byte* scratch);
std::size_t convolution_gradient_scratch(const ConvolutionShape& shape);

}  // namespace dagfusion::kernels
