// ode_bits: what a step of the probability flow ODE adds to the bits that an image costs.
// Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential Equations", arXiv:2011.13456, eq. 39 and
// 40; Grathwohl et al. 2019, "FFJORD", arXiv:1810.01367. Variables: nodes/diffusion/ode.h.
//
//   ln p(y) = ln p(y_T) + integral of div(dy/dk) from k to k_T
//   div is estimated by the change of the slope along w = (aside - x) / alpha, of +1 and -1 by chance (nudge):
//     div / D = <w, slope(aside) - slope(x)> / |w|^2
//   bits = -(k' - k) * div / (D * ln 2),  k, k' at t and t_next
//
// A difference forwards suffices: its first error is odd in w, so that it vanishes on average. The slopes are taken at t_at,
// in the middle of the step. x, aside, prediction, prediction_aside: [N,...]; t, t_at, t_next: [N]; bits: [N], per dimension.
#include <cmath>
#include <numbers>

#include "graph/types/catalog.h"
#include "nodes/diffusion/ode.h"

namespace dagfusion {
namespace {

class OdeBits final : public Map {
 public:
  explicit OdeBits(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        x_(setup.input("x")),
        aside_(setup.input("aside")),
        prediction_(setup.input("prediction")),
        prediction_aside_(setup.input("prediction_aside")),
        t_(setup.input("t")),
        t_next_(setup.input("t_next")),
        t_at_(setup.input("t_at")),
        bits_(setup.output("bits")),
        each_(count_of(x_.spec.shape) / x_.spec.shape[0]) {}

  void forward(Call& call) const override {
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n) {
      const double from = ode_time(process_, process_.time(call.in<float>(t_)[n])),
                   to = ode_time(process_, process_.time(call.in<float>(t_next_)[n]));
      call.out<float>(bits_)[n] = static_cast<float>(-(to - from) * divergence(call, n) / std::numbers::ln2);
    }
  }

 private:
  // Of each dimension, on average.
  double divergence(const Call& call, std::int64_t n) const {
    const NoiseLevel at = process_.level(process_.time(call.in<float>(t_at_)[n]));
    const PredictedNoise slope = predicted_noise(process_, at);
    const std::int64_t start = n * each_;
    const float *x = call.in<float>(x_) + start, *aside = call.in<float>(aside_) + start,
                *prediction = call.in<float>(prediction_) + start,
                *prediction_aside = call.in<float>(prediction_aside_) + start;
    double change = 0, square = 0;
    for (std::int64_t i = 0; i < each_; ++i) {
      const double w = (double{aside[i]} - x[i]) / at.alpha;
      change += w * (slope(aside[i], prediction_aside[i]) - slope(x[i], prediction[i]));
      square += w * w;
    }
    return square > 0 ? change / square : 0;
  }

  const NoiseProcess& process_;
  Input x_, aside_, prediction_, prediction_aside_, t_, t_next_, t_at_;
  Output bits_;
  std::int64_t each_;  // numbers of one image
};

}  // namespace

NodeType ode_bits() {
  return {
      .name = "ode_bits",
      .summary = "What a step of the probability flow ODE adds to the bits that an image costs.",
      .paper = "Song et al. 2021, arXiv:2011.13456, eq. 39 and 40; Grathwohl et al. 2019, arXiv:1810.01367",
      .example =
          "{type: ode_bits, in: {x: half, aside: aside, prediction: there, prediction_aside: moved, "
          "t_at: half.t, each: each}}",
      .inputs = {{"x", "[N,...] f32", "images in the middle of the step"},
                 {"aside", "[N,...] f32", "the same, moved by nudge"},
                 {"prediction", "[N,...] f32", "what the model gave for x"},
                 {"prediction_aside", "[N,...] f32", "what it gave for aside"},
                 {"t", "[N] f32", "time at the start of the step"},
                 {"t_next", "[N] f32", "time at its end, noisier"},
                 {"t_at", "[N] f32", "time of x"}},
      .outputs = {{"bits", "[N] f32", "bits per dimension"}},
      .create = make_node<OdeBits>};
}

}  // namespace dagfusion
