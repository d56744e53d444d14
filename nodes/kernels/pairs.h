// Sums over pairs of rows, in float64: what compares each row of a table with each of another.
// The order of a sum depends on n and the instruction set only.
#pragma once

#include <cstddef>

namespace dagfusion::kernels {

// to[j] = sum over i of row[i] * rows[j*n + i], for `count` rows of n numbers.
void dot_products(const float* row, const float* rows, std::size_t count, std::size_t n, double* to);
// to[j] = sum over i of (row[i] - rows[j*n + i])^2
void squared_distances(const float* row, const float* rows, std::size_t count, std::size_t n, double* to);

}  // namespace dagfusion::kernels
