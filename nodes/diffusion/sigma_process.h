// What the processes share whose time is the noise level itself: x = x0 + sigma * e, t = sigma.
#pragma once

#include <cmath>

#include "nodes/diffusion/noise_process.h"

namespace dagfusion {

class SigmaProcess : public NoiseProcess {
 public:
  double least() const final { return least_; }
  double most() const final { return most_; }
  bool has(double sigma) const final { return sigma > 0 && std::isfinite(sigma); }
  double at_share(double u) const final { return least_ * std::pow(most_ / least_, u); }
  double time_of(double karras_sigma) const final { return karras_sigma; }

 protected:
  SigmaProcess(const Parameters& given, double least, double most)
      : NoiseProcess(given),
        least_(given.has("sigma_min") ? given.real("sigma_min") : least),
        most_(given.has("sigma_max") ? given.real("sigma_max") : most) {
    if (least_ >= most_)
      given.fail(given.has("sigma_min") ? "sigma_min" : "sigma_max",
                 fmt::format("'sigma_min' is {}, not below 'sigma_max' {}", least_, most_));
  }

 private:
  NoiseLevel level_at(double sigma) const final { return {1, sigma}; }
  bool maps_time() const final { return true; }

  double least_, most_;
};

}  // namespace dagfusion
