// softmax over the rows of a matrix, as attention takes it.
//
//   p[r,j] = exp(scale * (s[r,j] - max_r)) / sum_j exp(scale * (s[r,j] - max_r))
//
// Matrices are [rows, columns], packed; any number of columns from 1; scale > 0.
// What lies more than 87 / scale below the row's maximum becomes 0. A row with a NaN or an infinity becomes
// NaN, except for -infinity, which becomes 0 (unless the whole row is).
#pragma once

#include <cstddef>

namespace dagfusion::kernels {

// s in, p out, in place.
void softmax(float scale, float* s, std::size_t rows, std::size_t columns);

// ds = scale * p * (dp - sum_j dp * p), row by row. ds may be dp.
void softmax_backward(float scale, const float* p, const float* dp, float* ds, std::size_t rows,
                      std::size_t columns);

}  // namespace dagfusion::kernels
