// noise_step: one step of the Markov chain that turns images into noise.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 2.
//
//   xt = a * x + sqrt(b) * noise,  a = alpha(t) / alpha(t_prev),  b = sigma(t)^2 - a^2 * sigma(t_prev)^2
//   process discrete, from t - 1 to t: a = sqrt(1 - beta[t]), b = beta[t]
//
// x, noise, xt: [N,...]; t, t_prev: [N], times of the section `diffusion`; t_prev may be the clean image's.
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"
#include "nodes/kernels/gaussian.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class NoiseStep final : public Map {
 public:
  explicit NoiseStep(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        x_(setup.input("x")),
        t_(setup.input("t")),
        t_prev_(setup.input("t_prev")),
        noise_(setup.input("noise")),
        xt_(setup.output("xt")),
        images_(xt_.spec.shape[0]),
        each_(count_of(xt_.spec.shape) / images_) {}

  void forward(Call& call) const override {
    const float *t = call.in<float>(t_), *t_prev = t_prev_.connected() ? call.in<float>(t_prev_) : nullptr;
    for (std::int64_t n = 0; n < images_; ++n) {
      const double to = process_.time(t[n]), from = t_prev ? process_.time_or_clean(t_prev[n]) : before(to);
      if (from >= to)
        throw std::runtime_error(
            fmt::format("t_prev is {}, which is not below t = {}; noise is only added", from, to));
      const double ratio = process_.level(to).alpha / process_.level(from).alpha;
      const float image = static_cast<float>(ratio),
                  noisy = static_cast<float>(std::sqrt(process_.between(from, to).added));
      const float* x = call.in<float>(x_) + n * each_;
      float* xt = call.out<float>(xt_) + n * each_;
      const float* noise = xt;
      if (noise_.connected())
        noise = call.in<float>(noise_) + n * each_;
      else
        kernels::gaussian(call.random(static_cast<int>(n)), xt, each_);
      kernels::axpby(image, x, noisy, noise, xt, each_);
    }
  }

 private:
  double before(double t) const { return process_.timesteps() ? std::ceil(t) - 1 : process_.clean(); }

  const NoiseProcess& process_;
  Input x_, t_, t_prev_, noise_;
  Output xt_;
  std::int64_t images_, each_;  // each: numbers of one image
};

}  // namespace

NodeType noise_step() {
  return {
      .name = "noise_step",
      .summary = "One step of the Markov chain that turns images into noise.",
      .paper = "Ho et al. 2020, arXiv:2006.11239, eq. 2",
      .example = "{type: noise_step, in: {x: x, t: t}}",
      .inputs = {{"x", "[N,...] f32", "images with the noise of t_prev"},
                 {"t", "[N] f32", "timestep of each image after the step"},
                 {.name = "t_prev",
                  .spec = "[N] f32",
                  .doc =
                      "time of each image before the step; t - 1 when not wired (without timesteps: clean)",
                  .optional = true},
                 {.name = "noise",
                  .spec = "[N,...] f32",
                  .doc = "standard Gaussian; drawn by the node when not wired",
                  .optional = true}},
      .outputs = {{"xt", "[N,...] f32", "images with the noise of t"}},
      .create = make_node<NoiseStep>};
}

}  // namespace dagfusion
