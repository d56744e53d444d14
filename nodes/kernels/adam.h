// The optimiser's arithmetic over flat arrays of n floats.
// Kingma and Ba 2014, "Adam", arXiv:1412.6980, algorithm 1, with the roots as PyTorch takes them;
// Loshchilov and Hutter 2017, "Decoupled Weight Decay Regularization", arXiv:1711.05101 (AdamW).
#pragma once

#include <cstddef>

namespace dagfusion::kernels {

// Rounded to float only once all of their own arithmetic is done.
struct AdamStep {
  double gradient_scale = 1;  // of clipping; applied to the gradient before anything else
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double correction1 = 1;  // 1 - beta1^t, t = 1 at the first step
  double correction2 = 1;  // 1 - beta2^t
  double weight_decay = 0;
  // true: value *= 1 - learning_rate * weight_decay first (AdamW); false: g += weight_decay * value
  bool decoupled = true;
};

// g = gradient_scale * gradient (+ weight_decay * value)
//   m += (1 - beta1) * (g - m)            = beta1 * m + (1 - beta1) * g
//   v += (1 - beta2) * (g^2 - v)
//   value -= learning_rate / correction1 * m / (sqrt(v) / sqrt(correction2) + epsilon)
// The arrays do not overlap.
void adam(const AdamStep& step, float* value, const float* gradient, float* m, float* v, std::size_t n);

// average += (1 - decay) * (value - average)
void move_average(double decay, const float* value, float* average, std::size_t n);

}  // namespace dagfusion::kernels
