// Element-wise sums and products, and sums over arrays.
// Arrays are n floats; outputs may be any of the inputs.
// Sums over arrays are taken in double and in an order that depends on n and the instruction set only.
#pragma once

#include <cstddef>

namespace dagfusion::kernels {

void add(const float* a, const float* b, float* y, std::size_t n);                  // y = a + b
void add(const float* a, const float* b, const float* c, float* y, std::size_t n);  // y = (a + b) + c
void accumulate(const float* x, float* y, std::size_t n);                           // y += x
void scale(float s, const float* a, float* y, std::size_t n);                       // y = s * a
void multiply(const float* a, const float* b, float* y, std::size_t n);  // y = a * b, element by element
void axpby(float s, const float* a, float t, const float* b, float* y, std::size_t n);  // y = s * a + t * b

double sum(const float* x, std::size_t n);
double sum_of_squares(const float* x, std::size_t n);
double sum_of_squared_differences(const float* a, const float* b, std::size_t n);  // sum (a - b)^2

// The gradient of that, scaled: da = s * (a - b). For a mean over n elements s = 2 * dloss / n.
void squared_difference_backward(float s, const float* a, const float* b, float* da, std::size_t n);

// True when there is no NaN and no infinity among them; true for n = 0.
bool all_finite(const float* x, std::size_t n);

}  // namespace dagfusion::kernels
