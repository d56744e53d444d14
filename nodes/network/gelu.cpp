// gelu: x times the share of a standard normal distribution below it.
// Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", arXiv:1606.08415, eq. 1 (exact, not by tanh).
//
//   y = x * P ;  P = (1 + erf(x / sqrt(2))) / 2 ;  dx = dy * (P + x * exp(-x^2 / 2) / sqrt(2 pi))
//
// x, y: any one shape and layout; channels that only fill a block up stay zero, since gelu(0) = 0.

#include <cmath>
#include <numbers>

#include "graph/types/catalog.h"
#include "nodes/network/act.h"

namespace dagfusion {
namespace {

float share_below(float x) { return 0.5f * (1 + std::erf(x * std::numbers::sqrt2_v<float> / 2)); }
float density(float x) {
  return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi_v<float> / std::numbers::sqrt2_v<float>;
}

class Gelu final : public DifferentiableMap {
 public:
  explicit Gelu(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) { setup.backward_reads(x_); }

  void forward(Call& call) const override {
    for_pieces(
        is_half(y_.spec), y_.spec.stored_elements(),
        [](const float* x, float* y, std::size_t n) {
          for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * share_below(x[i]);
        },
        call.out<void>(y_), call.in<void>(x_));
  }

  void backward(Call& call) const override {
    void* dx = call.d<void>(x_);
    if (!dx) return;
    for_pieces(
        is_half(y_.spec), y_.spec.stored_elements(),
        [](const float* x, const float* dy, float* to, std::size_t n) {
          for (std::size_t i = 0; i < n; ++i) to[i] = dy[i] * (share_below(x[i]) + x[i] * density(x[i]));
        },
        dx, call.in<void>(x_), call.d<void>(y_));
  }

 private:
  Input x_;
  Output y_;
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
          .create = make_node<Gelu>};
}

}  // namespace dagfusion
