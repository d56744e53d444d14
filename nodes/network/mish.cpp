// mish: a smooth gate like silu, x * tanh(softplus(x)).
// Misra 2019, "Mish: A Self Regularized Non-Monotonic Activation Function", arXiv:1908.08681, eq. 1.
//
//   y = x * u,  u = tanh(ln(1 + exp(x))) ;  dx = dy * (u + x * (1 - u^2) * sigmoid(x))
//
// x, y: any one shape and layout; channels that only fill a block up stay zero, since mish(0) = 0.

#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/network/activation.h"

namespace dagfusion {
namespace {

struct Mish {
  explicit Mish(Setup&) {}

  static float gate(float x) { return std::tanh(std::max(x, 0.0f) + std::log1p(std::exp(-std::abs(x)))); }
  static float slope(float x) {
    const float u = gate(x);
    return u + x * (1 - u * u) / (1 + std::exp(-x));
  }

  float value(float x) const { return x * gate(x); }
  float gradient(float x, float dy) const { return dy * slope(x); }
};

}  // namespace

NodeType mish() {
  return {.name = "mish",
          .summary = "The smooth gate x * tanh(softplus(x)).",
          .stands_for = {"activation"},
          .paper = "Misra 2019, arXiv:1908.08681, eq. 1",
          .example = "{type: mish, in: x}",
          .role = Role::map,
          .inputs = {{"x", "[...] float free", "any value"}},
          .outputs = {{"y", "[...] float free", "x * u"}},
          .create = make_node<Activation<Mish>>};
}

}  // namespace dagfusion
