// What nodes with a weight and a bias have in common: two parameters, and how the weight starts.
#pragma once

#include <cmath>

#include "graph/types/setup.h"

namespace dagfusion {

inline Parameter bias_parameter(const std::string& doc) {
  return {.name = "bias", .kind = Kind::boolean, .doc = doc, .standard = true};
}

inline Parameter init_scale_parameter() {
  return {.name = "init_scale",
          .kind = Kind::real,
          .doc = "variance of the initial weight, in units of 2 / (fan in + fan out)",
          .standard = 1.0,
          .minimum = 0,
          .maximum = 100};
}

// Glorot and Bengio 2010, eq. 16, times init_scale: uniform in +-sqrt(6 * init_scale / (fan in + fan out)).
inline Init glorot(const Setup& setup, std::int64_t fan_in_and_out) {
  return {Init::Kind::uniform, std::sqrt(6 * setup.real("init_scale") / static_cast<double>(fan_in_and_out))};
}

}  // namespace dagfusion
