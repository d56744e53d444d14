// The same operations in plain scalar code, for tests to compare with: short, in double where that is more
// exact, and slow. Arguments as in the headers beside this one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "graph/values/random.h"
#include "nodes/kernels/adam.h"
#include "nodes/kernels/group_norm.h"

namespace dagfusion::kernels::reference {

void group_norm(const GroupNormShape& shape, const float* x, const float* shift, const float* gamma,
                const float* beta, float* y, float* mean, float* rstd);
void group_norm_backward(const GroupNormShape& shape, const float* x, const float* shift, const float* mean,
                         const float* rstd, const float* gamma, const float* beta, const float* dy, float* dx,
                         float* dshift, float* dgamma, float* dbeta);
void silu(const float* x, float* y, std::size_t n);
void silu_backward(const float* x, const float* dy, float* dx, std::size_t n);
void gaussian(const RandomStream& stream, double* out, std::size_t n, std::size_t first = 0);
void adam(const AdamStep& step, float* value, const float* gradient, float* m, float* v, std::size_t n);
void move_average(double decay, const float* value, float* average, std::size_t n);
double sum(const float* x, std::size_t n);
double sum_of_squares(const float* x, std::size_t n);
double sum_of_squared_differences(const float* a, const float* b, std::size_t n);
void softmax(float scale, float* s, std::size_t rows, std::size_t columns);
void softmax_backward(float scale, const float* p, const float* dp, float* ds, std::size_t rows,
                      std::size_t columns);
void plain_to_blocked(const float* plain, float* blocked, int channels, std::size_t pixels, int block);
void blocked_to_plain(const float* blocked, float* plain, int channels, std::size_t pixels, int block);
void upsample2(const float* x, float* y, int blocks, int height, int width, int block);
void upsample2_backward(const float* dy, float* dx, int blocks, int height, int width, int block);
void bytes_to_signed(const std::uint8_t* bytes, float* x, std::size_t n);
void signed_to_bytes(const float* x, std::uint8_t* bytes, std::size_t n);

}  // namespace dagfusion::kernels::reference
