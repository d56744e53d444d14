// What nodes with a weight and a bias have in common: two parameters, and how the weight starts.
#pragma once

#include <cmath>

#include "graph/types/setup.h"

namespace dagfusion {

inline Parameter bias_parameter(const std::string& doc) {
  return {.name = "bias", .kind = Kind::boolean, .doc = doc, .standard = true};
}

inline Parameter init_parameter() {
  return {.name = "init",
          .kind = Kind::choice,
          .doc = "how the weights start: glorot (bias 0), or fan_in as PyTorch has it (bias too)",
          .standard = std::string("glorot"),
          .choices = {"glorot", "fan_in"}};
}

inline Parameter init_scale_parameter() {
  return {.name = "init_scale",
          .kind = Kind::real,
          .doc = "variance of the initial weight, in units of 2 / (fan in + fan out), or of 1 / (3 fan in)",
          .standard = 1.0,
          .minimum = 0,
          .maximum = 100};
}

// Glorot and Bengio 2010, eq. 16, times init_scale: uniform in +-sqrt(6 * init_scale / (fan in + fan out)).
inline Init glorot(const Setup& setup, std::int64_t fan_in_and_out) {
  return {Init::Kind::uniform, std::sqrt(6 * setup.real("init_scale") / static_cast<double>(fan_in_and_out))};
}

// As PyTorch starts its layers: uniform in +-sqrt(init_scale / fan in), weight and bias.
inline Init by_fan_in(const Setup& setup, std::int64_t fan_in) {
  return {Init::Kind::uniform, std::sqrt(setup.real("init_scale") / static_cast<double>(fan_in))};
}

// What the parameter `init` says.
inline Init initial_weight(const Setup& setup, std::int64_t fan_in, std::int64_t fan_out) {
  return setup.text("init") == "fan_in" ? by_fan_in(setup, fan_in) : glorot(setup, fan_in + fan_out);
}
inline Init initial_bias(const Setup& setup, std::int64_t fan_in) {
  return setup.text("init") == "fan_in" ? by_fan_in(setup, fan_in) : Init{};
}

}  // namespace dagfusion
