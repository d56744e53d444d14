// ddpm_step: one step of ancestral sampling, from time t to t_prev.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 6, 7 and algorithm 2.
// Steps that leave timesteps out: Nichol & Dhariwal 2021, "Improved Denoising Diffusion Probabilistic
// Models", arXiv:2102.09672, eq. 19.
//
//   x0   = the clean image that the prediction stands for, clipped to [-r, r]
//   with alpha, sigma at t and alpha', sigma' at t_prev, ratio = alpha / alpha':
//   beta = sigma^2 - ratio^2 * sigma'^2        (process discrete, from t to t - 1: beta[t])
//   mean = alpha' * beta / sigma^2 * x0 + ratio * sigma'^2 / sigma^2 * x
//   prev = mean + s * z, z ~ N(0, 1), without noise in the step to the clean image
//   s^2 = beta * sigma'^2 / sigma^2 (fixed_small), or beta (fixed_large)
//
// x, prediction, prev, x0: [N,...]; t, t_prev: [N], times of the section `diffusion`, t_prev may be the clean image's.
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/sampling/denoising_step.h"

namespace dagfusion {
namespace {

class DdpmStep final : public Map {
 public:
  explicit DdpmStep(Setup& setup) : step_(setup), large_(setup.text("variance") == "fixed_large") {}

  void forward(Call& call) const override {
    for (int n = 0; n < step_.images(); ++n) {
      const DenoisingStep::Image image = step_.image(call, n);
      const NoiseProcess::Transition back = step_.process().between(image.t_prev, image.t);
      const double variance = image.last ? 0 : large_ ? back.added : back.variance;
      step_.mix(call, n, image, back.from_x, back.from_x0, std::sqrt(variance));
    }
  }

 private:
  DenoisingStep step_;
  bool large_;
};

}  // namespace

NodeType ddpm_step() {
  return {
      .name = "ddpm_step",
      .summary = "One step of ancestral sampling, from time t to t_prev.",
      .stands_for = {"sampler"},
      .paper = "Ho et al. 2020, arXiv:2006.11239, eq. 6, 7 and algorithm 2",
      .example = "{type: ddpm_step, in: {x: carry.x, prediction: out, each: each}}",
      .inputs = DenoisingStep::inputs(),
      .outputs = DenoisingStep::outputs(),
      .parameters = DenoisingStep::parameters({{.name = "variance",
                                                .kind = Kind::choice,
                                                .doc = "fresh noise: that of the posterior, or all of beta",
                                                .standard = std::string("fixed_small"),
                                                .choices = {"fixed_small", "fixed_large"}}}),
      .create = make_node<DdpmStep>};
}

}  // namespace dagfusion
