// churn: adds fresh noise before a step, so that errors of earlier ones are washed out.
// Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv:2206.00364, algorithm 2.
//
//   with k = sigma / alpha at t: k' = (1 + g) * k, g = min(amount / steps, sqrt(2) - 1) where sigma_min <= k <= sigma_max
//   x' = alpha' * (x / alpha + sqrt(k'^2 - k^2) * noise * z),  z ~ N(0, 1),  t' the time with k'
//
// Stands in front of a step, which takes `t` from here: churned: {type: churn, in: {x: carry.x, each: each}, steps: 18},
// out: {type: model, in: {x: churned, t: churned.t}}, prev: {…, in: {x: churned, t: churned.t, each: each, …}}.
// x: [N,...]; t: [N].
#include <cmath>
#include <numbers>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"
#include "nodes/kernels/gaussian.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class Churn final : public Map {
 public:
  explicit Churn(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        x_(setup.input("x")),
        t_(setup.input("t")),
        x_out_(setup.output("x")),
        t_out_(setup.output("t")),
        share_(std::min(setup.real("amount") / static_cast<double>(setup.integer("steps")),
                        std::numbers::sqrt2 - 1)),
        least_(setup.real("sigma_min")),
        most_(setup.real("sigma_max")),
        noise_(setup.real("noise")),
        each_(count_of(x_.spec.shape) / x_.spec.shape[0]) {}

  void forward(Call& call) const override {
    for (int n = 0; n < x_.spec.shape[0]; ++n) {
      const float* x = call.in<float>(x_) + n * each_;
      float* out = call.out<float>(x_out_) + n * each_;
      const double t = process_.time(call.in<float>(t_)[n]), before = process_.karras_sigma(t);
      const bool inside = share_ > 0 && before >= least_ && before <= most_;
      const double later = inside ? process_.time_of(before * (1 + share_)) : t;
      call.out<float>(t_out_)[n] = static_cast<float>(later);
      if (!inside) {
        std::copy_n(x, each_, out);
        continue;
      }
      const NoiseLevel from = process_.level(t), to = process_.level(later);
      const double after = to.sigma / to.alpha, added = std::sqrt(after * after - before * before) * noise_;
      kernels::gaussian(call.random(n), out, static_cast<std::size_t>(each_));
      kernels::axpby(static_cast<float>(to.alpha / from.alpha), x, static_cast<float>(to.alpha * added), out,
                     out, static_cast<std::size_t>(each_));
    }
  }

 private:
  const NoiseProcess& process_;
  Input x_, t_;
  Output x_out_, t_out_;
  double share_, least_, most_, noise_;
  std::int64_t each_;  // numbers of one image
};

}  // namespace

NodeType churn() {
  return {
      .name = "churn",
      .summary = "Adds fresh noise before a step, so that errors of earlier ones are washed out.",
      .paper = "Karras et al. 2022, arXiv:2206.00364, algorithm 2",
      .example = "{type: churn, in: {x: carry.x, each: each}, steps: 18, amount: 40}",
      .inputs = {{"x", "[N,...] f32", "images with the noise of t"}, {"t", "[N] f32", "time of each image"}},
      .outputs = {{"x", "[N,...] f32", "images with more noise"}, {"t", "[N] f32", "their time"}},
      .parameters = {{.name = "steps", .doc = "of the whole loop", .required = true, .minimum = 1},
                     {.name = "amount",
                      .kind = Kind::real,
                      .doc = "S_churn: noise added over all steps, as a sum of shares of what is there",
                      .standard = 40.0,
                      .minimum = 0},
                     {.name = "sigma_min",
                      .kind = Kind::real,
                      .doc = "S_min: sigma / alpha from which on noise is added",
                      .standard = 0.05,
                      .minimum = 0},
                     {.name = "sigma_max",
                      .kind = Kind::real,
                      .doc = "S_max: sigma / alpha up to which noise is added",
                      .standard = 50.0,
                      .minimum = 0},
                     {.name = "noise",
                      .kind = Kind::real,
                      .doc = "S_noise: factor on the noise added",
                      .standard = 1.003,
                      .minimum = 0}},
      .create = make_node<Churn>};
}

}  // namespace dagfusion
