// ode_prior_bits: what an image costs that the probability flow ODE has carried to noise: the bits of that noise.
// Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential Equations", arXiv:2011.13456, eq. 39.
//
//   bits = mean over C,H,W of (x^2 / (2 d^2) + ln d + ln(2 pi) / 2 - ln alpha) / ln 2
//   d^2 = alpha^2 + sigma^2: pure noise, with as much of an image of variance 1 as is left
//
// Of the density of x / alpha, which the ODE carries (nodes/diffusion/ode.h). x: [N,...]; t: [N]; bits: [N], per dimension.
#include <cmath>
#include <numbers>

#include "graph/types/catalog.h"
#include "nodes/diffusion/ode.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class OdePriorBits final : public Map {
 public:
  explicit OdePriorBits(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        x_(setup.input("x")),
        t_(setup.input("t")),
        bits_(setup.output("bits")),
        each_(static_cast<std::size_t>(count_of(x_.spec.shape) / x_.spec.shape[0])) {}

  void forward(Call& call) const override {
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n) {
      const double t = process_.time(call.in<float>(t_)[n]), alpha = process_.level(t).alpha,
                   k = ode_time(process_, t);
      const float* x = call.in<float>(x_) + static_cast<std::size_t>(n) * each_;
      const double square = kernels::sum_of_squares(x, each_) / (alpha * alpha * static_cast<double>(each_));
      const double variance = 1 + k * k;  // of x / alpha
      const double nats = (square / variance + std::log(variance * 2 * std::numbers::pi)) / 2;
      call.out<float>(bits_)[n] = static_cast<float>(nats / std::numbers::ln2);
    }
  }

 private:
  const NoiseProcess& process_;
  Input x_, t_;
  Output bits_;
  std::size_t each_;  // numbers of one image
};

}  // namespace

NodeType ode_prior_bits() {
  return {.name = "ode_prior_bits",
          .summary = "The bits of the noise to which the probability flow ODE has carried an image.",
          .paper = "Song et al. 2021, arXiv:2011.13456, eq. 39",
          .example = "{type: ode_prior_bits, in: {x: next, t: each.t_next}}",
          .inputs = {{"x", "[N,...] f32", "images that have become noise"}, {"t", "[N] f32", "their time"}},
          .outputs = {{"bits", "[N] f32", "bits per dimension"}},
          .create = make_node<OdePriorBits>};
}

}  // namespace dagfusion
