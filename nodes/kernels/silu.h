// silu: x * s with s = 1 / (1 + exp(-x)), element by element; zero stays zero, so filling channels do.
// Hendrycks and Gimpel 2016, arXiv:1606.08415, section 4;
// Ramachandran et al. 2017 ("Swish"), arXiv:1710.05941.
//
// Relative error below 4e-7 for x >= 0 and 4e-7 + 8e-8 |x| from there to -87; below that the factor s stays
// at exp(-87), 1.6e-38: silu(-100) is -1.6e-36. +infinity gives itself, -infinity gives -infinity (not the
// limit 0: an overflow must not hide), NaN gives NaN.
#pragma once

#include <cstddef>

namespace dagfusion::kernels {

// y[i] = silu(x[i]); y may be x.
void silu(const float* x, float* y, std::size_t n);

// dx[i] = dy[i] * s * (1 + x * (1 - s)); dx may be dy or x.
void silu_backward(const float* x, const float* dy, float* dx, std::size_t n);

// y[i] = exp(x[i]), the vector function that silu and softmax are made of.
// x is clamped to [-87, 88]; NaN gives NaN.
// Relative error below 2e-7 + 1.5e-8 |x|, and 2e-7 + 8e-8 |x| without fused multiply-add (below AVX2).
void exponential(const float* x, float* y, std::size_t n);

}  // namespace dagfusion::kernels
