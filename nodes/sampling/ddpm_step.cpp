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
//   s^2 = beta * sigma'^2 / sigma^2 (fixed_small), or beta (fixed_large), or learned, number by number:
//   Nichol & Dhariwal 2021, eq. 15 (nodes/diffusion/reverse_variance.h)
//
// x, prediction, prev, x0: [N,...]; t, t_prev: [N], times of the section `diffusion`, t_prev may be the clean image's.
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/diffusion/reverse_variance.h"
#include "nodes/kernels/gaussian.h"
#include "nodes/sampling/denoising_step.h"

namespace dagfusion {
namespace {

class DdpmStep final : public Map {
 public:
  explicit DdpmStep(Setup& setup)
      : step_(setup),
        variance_(learned_variance_input(setup, step_.process())),
        large_(setup.text("variance") == "fixed_large") {}

  void forward(Call& call) const override {
    for (int n = 0; n < step_.images(); ++n) {
      const DenoisingStep::Image image = step_.image(call, n);
      const NoiseProcess::Transition back = step_.process().between(image.t_prev, image.t);
      if (variance_.connected() && !image.last) {
        step_learned(call, n, image, back);
        continue;
      }
      const double variance = image.last ? 0 : large_ ? back.added : back.variance;
      step_.mix(call, n, image, back.from_x, back.from_x0, std::sqrt(variance));
    }
  }

 private:
  void step_learned(const Call& call, int n, const DenoisingStep::Image& image,
                    const NoiseProcess::Transition& back) const {
    const ReverseVariance variance = reverse_variance(step_.process(), image.t_prev, image.t, image.t);
    const float* given = call.in<float>(variance_) + static_cast<std::size_t>(n) * step_.each();
    kernels::gaussian(call.random(n), image.prev, step_.each());
    for (std::size_t i = 0; i < step_.each(); ++i) {
      const double spread = std::exp(variance.log(given[i]) / 2);
      image.prev[i] =
          static_cast<float>(back.from_x * image.x[i] + back.from_x0 * image.x0[i] + spread * image.prev[i]);
    }
  }

  DenoisingStep step_;
  Input variance_;
  bool large_;
};

}  // namespace

NodeType ddpm_step() {
  return {.name = "ddpm_step",
          .summary = "One step of ancestral sampling, from time t to t_prev.",
          .stands_for = {"sampler"},
          .paper = "Ho et al. 2020, arXiv:2006.11239, eq. 6, 7 and algorithm 2",
          .example = "{type: ddpm_step, in: {x: carry.x, prediction: out, each: each}}",
          .inputs = DenoisingStep::inputs({{.name = "variance",
                                            .spec = "[N,...] f32",
                                            .doc = "what the model gave for the variance, where `variance` "
                                                   "of the section `diffusion` is learned",
                                            .optional = true}}),
          .outputs = DenoisingStep::outputs(),
          .parameters = DenoisingStep::parameters(
              {{.name = "variance",
                .kind = Kind::choice,
                .doc = "fresh noise, if not learned: that of the posterior, or all of beta",
                .standard = std::string("fixed_small"),
                .choices = {"fixed_small", "fixed_large"}}}),
          .create = make_node<DdpmStep>};
}

}  // namespace dagfusion
