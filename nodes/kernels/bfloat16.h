// Between float32 and bfloat16, the form in which activations are stored.
#pragma once

#include <cstddef>

#include "graph/values/bfloat16.h"

namespace dagfusion::kernels {

void widen(const BFloat16* x, float* y, std::size_t n);   // exact
void narrow(const float* x, BFloat16* y, std::size_t n);  // to the nearest, ties to even; NaN stays NaN

}  // namespace dagfusion::kernels
