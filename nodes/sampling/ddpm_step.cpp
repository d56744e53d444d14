// ddpm_step: one step of ancestral sampling, from timestep t to t_prev.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 6, 7 and algorithm 2.
// Steps that leave timesteps out: Nichol & Dhariwal 2021, "Improved Denoising Diffusion Probabilistic
// Models", arXiv:2102.09672, eq. 19.
//
//   x0   = the clean image that the prediction stands for, clipped to [-r, r]
//   beta = 1 - a / a_prev, a = alpha_bar[t], a_prev = alpha_bar[t_prev]      (from t to t - 1: beta[t])
//   mean = beta * sqrt(a_prev) / (1 - a) * x0 + (1 - a_prev) * sqrt(1 - beta) / (1 - a) * x
//   prev = mean + sigma * z, z ~ N(0, 1), without noise in the step to the clean image
//   sigma^2 = beta * (1 - a_prev) / (1 - a) (fixed_small), or beta (fixed_large)
//
// x, prediction, prev, x0: [N,...]; t, t_prev: [N], t_prev = -1 is the clean image.
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/kernels/gaussian.h"
#include "nodes/sampling/denoising_step.h"

namespace dagfusion {
namespace {

class DdpmStep final : public Map {
 public:
  explicit DdpmStep(Setup& setup) : step_(setup), large_(setup.text("variance") == "fixed_large") {}

  void forward(Call& call) const override {
    for (int n = 0; n < step_.images(); ++n) {
      const DenoisingStep::Image image = step_.image(call, n);
      const double a = image.alpha_bar, a_prev = image.alpha_bar_prev, beta = 1 - a / a_prev;
      const double from_x0 = beta * std::sqrt(a_prev) / (1 - a);
      const double from_x = (1 - a_prev) * std::sqrt(1 - beta) / (1 - a);
      const double variance = large_ ? beta : beta * (1 - a_prev) / (1 - a);
      const double sigma = image.last ? 0 : std::sqrt(variance);
      if (sigma > 0) kernels::gaussian(call.random(n), image.prev, step_.each());
      for (std::size_t i = 0; i < step_.each(); ++i) {
        const double x0 = step_.clip(step_.clean(image, i)), z = sigma > 0 ? image.prev[i] : 0;
        image.x0[i] = static_cast<float>(x0);
        image.prev[i] = static_cast<float>(from_x0 * x0 + from_x * image.x[i] + sigma * z);
      }
    }
  }

 private:
  DenoisingStep step_;
  bool large_;
};

}  // namespace

NodeType ddpm_step() {
  std::vector<Parameter> parameters = {{.name = "variance",
                                        .kind = Kind::choice,
                                        .doc = "fresh noise: that of the posterior, or all of beta",
                                        .standard = std::string("fixed_small"),
                                        .choices = {"fixed_small", "fixed_large"}}};
  for (Parameter& shared : DenoisingStep::parameters()) parameters.push_back(shared);
  return {.name = "ddpm_step",
          .summary = "One step of ancestral sampling, from timestep t to t_prev.",
          .stands_for = {"sampler"},
          .paper = "Ho et al. 2020, arXiv:2006.11239, eq. 6, 7 and algorithm 2",
          .example = "{type: ddpm_step, in: {x: carry.x, prediction: out, each: each}}",
          .inputs = DenoisingStep::inputs(),
          .outputs = DenoisingStep::outputs(),
          .parameters = parameters,
          .create = make_node<DdpmStep>};
}

}  // namespace dagfusion
