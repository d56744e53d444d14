// Times whose noise sigma / alpha is log-normal: ln(sigma / alpha) = mean + deviation * z, z ~ N(0,1).
#pragma once

#include <algorithm>
#include <cmath>

#include "nodes/diffusion/time_draws.h"

namespace dagfusion {

class LognormalDraws final : public TimeDraws {
 public:
  explicit LognormalDraws(Setup& setup)
      : TimeDraws(setup), mean_(setup.real("mean")), deviation_(setup.real("deviation")) {}

  static std::vector<Parameter> parameters(const std::string& of_what, double mean, double deviation) {
    return {{.name = "mean", .kind = Kind::real, .doc = "mean of " + of_what, .standard = mean},
            {.name = "deviation",
             .kind = Kind::real,
             .doc = "standard deviation of " + of_what,
             .standard = deviation,
             .minimum = 0,
             .above_minimum = true}};
  }

 private:
  double time(double u) const override {
    const double z = normal_quantile(std::max(u, 0x1p-54));
    return process().time_of(std::exp(mean_ + deviation_ * z));
  }

  double mean_, deviation_;
};

}  // namespace dagfusion
