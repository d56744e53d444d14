// The variance of the model's p(x_s | x_t), of two times s < t: fixed, or learned.
// Ho et al. 2020, arXiv:2006.11239, section 3.2; Nichol, Dhariwal 2021, "Improved Denoising Diffusion Probabilistic
// Models", arXiv:2102.09672, eq. 15.
//
//   fixed_small    ln of the variance of q(x_s | x_t, x0)        (timesteps: beta~)
//   fixed_large    ln of all the noise between s and t           (beta)
//   learned        o, what the model gave
//   learned_range  f * fixed_large + (1 - f) * fixed_small,  f = (o + 1) / 2
//
// q knows the clean image exactly; there the smallest variance of a noisy one stands in.
#pragma once

#include <cmath>
#include <string>

#include "graph/types/catalog.h"
#include "nodes/diffusion/discrete_process.h"

namespace dagfusion {

struct ReverseVariance {
  double small, large;  // logarithms
  LearnedVariance learned;

  double log(float o) const {
    if (learned == LearnedVariance::raw) return o;
    return learned == LearnedVariance::range ? (o + 1) / 2 * (large - small) + small : small;
  }
  double slope() const {  // d log / d o
    if (learned == LearnedVariance::raw) return 1;
    return learned == LearnedVariance::range ? (large - small) / 2 : 0;
  }
};

inline LearnedVariance learned_variance(const NoiseProcess& process) {
  const auto* discrete = dynamic_cast<const DiscreteProcess*>(&process);
  return discrete ? discrete->learned_variance() : LearnedVariance::none;
}

// `second`: the noisy time next to the clean image, on the grid of the times that are walked.
inline ReverseVariance reverse_variance(const NoiseProcess& process, double s, double t, double second) {
  const NoiseProcess::Transition back = process.between(s, t);
  const double small = s == process.clean() ? process.between(t, second).variance : back.variance;
  return {.small = std::log(small), .large = std::log(back.added), .learned = learned_variance(process)};
}

// A node's input `variance` is there if and only if the section says that the model gives it.
inline Input learned_variance_input(Setup& setup, const NoiseProcess& process) {
  const Input variance = setup.input("variance");
  const bool learned = learned_variance(process) != LearnedVariance::none;
  if (learned && !variance.connected())
    setup.fail(
        "input 'variance' is not wired, but 'variance' of section 'diffusion' says that the model gives it; "
        "split_channels takes it out of what the model gives");
  if (!learned && variance.connected())
    setup.fail_at_input(
        "variance",
        "input 'variance' is wired, but 'variance' of section 'diffusion' is fixed; learned_range "
        "would say that the model gives it");
  return variance;
}

}  // namespace dagfusion
