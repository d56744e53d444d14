// gelu: x times the share of a standard normal distribution below it.
// Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", arXiv:1606.08415, eq. 1 (exact, not by tanh).
//
//   y = x * P ;  P = (1 + erf(x / sqrt(2))) / 2 ;  dx = dy * (P + x * exp(-x^2 / 2) / sqrt(2 pi))
//
// x, y: any one shape and layout; channels that only fill a block up stay zero, since gelu(0) = 0.

#include <cmath>
#include <numbers>

#include "graph/types/catalog.h"
#include "nodes/network/activation.h"

namespace dagfusion {
namespace {

struct Gelu {
  explicit Gelu(Setup&) {}

  static float share_below(float x) { return 0.5f * (1 + std::erf(x * std::numbers::sqrt2_v<float> / 2)); }
  static float density(float x) {
    return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi_v<float> / std::numbers::sqrt2_v<float>;
  }

  float value(float x) const { return x * share_below(x); }
  float gradient(float x, float dy) const { return dy * (share_below(x) + x * density(x)); }
};

}  // namespace

NodeType gelu() {
  return {.name = "gelu",
          .summary = "x times the share of a standard normal distribution below it.",
          .stands_for = {"activation"},
          .paper = "Hendrycks and Gimpel 2016, arXiv:1606.08415, eq. 1",
          .example = "{type: gelu, in: x}",
          .role = Role::map,
          .inputs = {{"x", "[...] float free", "any value"}},
          .outputs = {{"y", "[...] float free", "x * P"}},
          .create = make_node<Activation<Gelu>>};
}

}  // namespace dagfusion
