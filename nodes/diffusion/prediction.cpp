#include "nodes/diffusion/prediction.h"

#include <algorithm>
#include <cmath>

namespace dagfusion {

PredictionKind::CleanImage PredictionKind::clean_image(NoiseLevel at) const {
  const auto [alpha, sigma] = at;
  switch (what) {
    case Prediction::epsilon:
      return {1 / alpha, -sigma / alpha};
    case Prediction::sample:
      return {0, 1};
    case Prediction::v: {
      const double n = std::hypot(alpha, sigma);
      return {alpha / (n * n), -sigma / n};
    }
    case Prediction::velocity:
      return {1 / (alpha + sigma), -sigma / (alpha + sigma)};
    case Prediction::edm:
      break;
  }
  const double spread = std::hypot(sigma, alpha * sigma_data);  // standard deviation of x
  return {alpha * sigma_data * sigma_data / (spread * spread), sigma * sigma_data / spread};
}

PredictionKind::Target PredictionKind::target(NoiseLevel at) const {
  const auto [alpha, sigma] = at;
  switch (what) {
    case Prediction::epsilon:
      return {0, 1};
    case Prediction::sample:
      return {1, 0};
    case Prediction::v: {
      const double n = std::hypot(alpha, sigma);
      return {-sigma / n, alpha / n};
    }
    case Prediction::velocity:
      return {-1, 1};
    case Prediction::edm:
      break;
  }
  const double spread = std::hypot(sigma, alpha * sigma_data);
  return {sigma / (sigma_data * spread), -alpha * sigma_data / spread};
}

const std::vector<std::string>& prediction_names() {
  static const std::vector<std::string> names = {"epsilon", "sample", "v", "velocity", "edm"};
  return names;
}

Prediction prediction_named(const std::string& name) {
  const auto& names = prediction_names();
  return static_cast<Prediction>(std::find(names.begin(), names.end(), name) - names.begin());
}

}  // namespace dagfusion
