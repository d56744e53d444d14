// silu: x * s with s = 1 / (1 + exp(-x)), element by element; zero stays zero, so filling channels do.
// Hendrycks and Gimpel 2016, arXiv:1606.08415, section 4; Ramachandran et al. 2017, arXiv:1710.05941
// ("Swish").
//
// Within 4 units in the last place for x >= -87; below that the factor s stays at exp(-87), 1.6e-38:
// silu(-100) is -1.6e-36. +infinity gives itself, -infinity gives -infinity (not the limit 0: an overflow
// must not hide), NaN gives NaN.
#pragma once

#include <cstddef>

namespace dagfusion::kernels {

// y[i] = silu(x[i]); y may be x.
void silu(const float* x, float* y, std::size_t n);

// dx[i] = dy[i] * s * (1 + x * (1 - s)); dx may be dy or x.
void silu_backward(const float* x, const float* dy, float* dx, std::size_t n);

// y[i] = exp(x[i]), the vector function that silu and softmax are made of: within 2 units in the last place
// on
// [-87, 88]; x is clamped to that range. NaN gives NaN.
void exponential(const float* x, float* y, std::size_t n);

}  // namespace dagfusion::kernels
