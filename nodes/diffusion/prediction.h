// What a model is trained to give for a noisy image x = alpha * x0 + sigma * e, and the clean image that it stands for.
// Ho et al. 2020, arXiv:2006.11239 (epsilon, sample); Salimans, Ho 2022, arXiv:2202.00512 (v);
// Lipman et al. 2023, "Flow Matching for Generative Modeling", arXiv:2210.02747, Liu et al. 2023, "Flow Straight and
// Fast", arXiv:2209.03003 (velocity); Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative
// Models", arXiv:2206.00364, eq. 7 and table 1 (edm).
//
//   epsilon   e
//   sample    x0
//   v         (alpha e - sigma x0) / n,  n = sqrt(alpha^2 + sigma^2)       (1 where variance is preserved)
//   velocity  e - x0
//   edm       F with x0 = c_skip x / alpha + c_out F of the EDM paper, at the noise level sigma / alpha
//
// All in float64; alpha = 0 (no image left) is allowed but for epsilon, sigma = 0 (no noise) but for v, velocity, edm
// and sample only where the target, not the clean image, is asked for.
#pragma once

#include <string>
#include <vector>

namespace dagfusion {

enum class Prediction { epsilon, sample, v, velocity, edm };

// How much of image and noise x holds: x = alpha * x0 + sigma * e.
struct NoiseLevel {
  double alpha, sigma;
};

struct PredictionKind {
  Prediction what = Prediction::epsilon;
  double sigma_data = 0.5;  // standard deviation of clean images, for edm

  // x0 = from_x * x + from_prediction * prediction.
  struct CleanImage {
    double from_x, from_prediction;
  };
  CleanImage clean_image(NoiseLevel) const;

  // target = from_x0 * x0 + from_noise * e.
  struct Target {
    double from_x0, from_noise;
  };
  Target target(NoiseLevel) const;
};

const std::vector<std::string>& prediction_names();  // in the order of Prediction
Prediction prediction_named(const std::string&);

}  // namespace dagfusion
