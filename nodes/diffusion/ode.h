// The probability flow ODE, which carries images to noise and back without randomness.
// Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential Equations", arXiv:2011.13456, eq. 13,
// in the variables of Karras et al. 2022, arXiv:2206.00364, eq. 1 and 4.
//
//   y = x / alpha, k = sigma / alpha:  dy/dk = e = (x - alpha * x0) / sigma, the noise that a prediction stands for
#pragma once

#include <fmt/format.h>

#include <stdexcept>

#include "nodes/diffusion/noise_process.h"

namespace dagfusion {

// sigma / alpha; throws where nothing of the image is left.
inline double ode_time(const NoiseProcess& process, double t) {
  const NoiseLevel at = process.level(t);
  if (at.alpha == 0)
    throw std::runtime_error(fmt::format(
        "t is {}, where nothing of the image is left and the ODE has no slope; 'spacing' karras of "
        "sampling_timesteps ends before",
        t));
  return at.sigma / at.alpha;
}

// The noise that a prediction stands for: from_x * x + from_prediction * prediction.
struct PredictedNoise {
  double from_x, from_prediction;
  double operator()(float x, float prediction) const { return from_x * x + from_prediction * prediction; }
};

inline PredictedNoise predicted_noise(const NoiseProcess& process, NoiseLevel at) {
  const auto [of_x, of_prediction] = process.prediction().clean_image(at);
  return {(1 - at.alpha * of_x) / at.sigma, -at.alpha * of_prediction / at.sigma};
}

}  // namespace dagfusion
