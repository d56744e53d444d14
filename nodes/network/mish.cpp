// mish: a smooth gate like silu, x * tanh(softplus(x)).
// Misra 2019, "Mish: A Self Regularized Non-Monotonic Activation Function", arXiv:1908.08681, eq. 1.
//
//   y = x * u,  u = tanh(ln(1 + exp(x))) ;  dx = dy * (u + x * (1 - u^2) * sigmoid(x))
//
// x, y: any one shape and layout; channels that only fill a block up stay zero, since mish(0) = 0.

#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/network/act.h"

namespace dagfusion {
namespace {

float gate(float x) { return std::tanh(std::max(x, 0.0f) + std::log1p(std::exp(-std::abs(x)))); }
float slope(float x) {
  const float u = gate(x);
  return u + x * (1 - u * u) / (1 + std::exp(-x));
}

class Mish final : public DifferentiableMap {
 public:
  explicit Mish(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) { setup.backward_reads(x_); }

  void forward(Call& call) const override {
    for_pieces(
        is_half(y_.spec), y_.spec.stored_elements(),
        [](const float* x, float* y, std::size_t n) {
          for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * gate(x[i]);
        },
        call.out<void>(y_), call.in<void>(x_));
  }

  void backward(Call& call) const override {
    void* dx = call.d<void>(x_);
    if (!dx) return;
    for_pieces(
        is_half(y_.spec), y_.spec.stored_elements(),
        [](const float* x, const float* dy, float* to, std::size_t n) {
          for (std::size_t i = 0; i < n; ++i) to[i] = dy[i] * slope(x[i]);
        },
        dx, call.in<void>(x_), call.d<void>(y_));
  }

 private:
  Input x_;
  Output y_;
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
          .create = make_node<Mish>};
}

}  // namespace dagfusion
