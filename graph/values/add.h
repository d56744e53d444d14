// The sum of two values of one shape: gradients that arrive at a value from several consumers.
#pragma once

#include "graph/values/tensor.h"

namespace dagfusion {

// f32, or bf16 rounded once; `sum` may be `a`.
void add(const TensorSpec& spec, const std::byte* a, const std::byte* b, std::byte* sum);

// sum[i] = a[i] + b[i]; `sum` may be `a`.
void add(const float* a, const float* b, float* sum, std::size_t count);

}  // namespace dagfusion
