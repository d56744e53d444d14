// ddim_step: one step of DDIM sampling, from timestep t to t_prev, which may lie far apart.
// Song et al. 2021, "Denoising Diffusion Implicit Models", arXiv:2010.02502, eq. 12 and 16.
//
//   x0    = the clean image that the prediction stands for, clipped to [-r, r]
//   sigma = eta * sqrt((1 - a_prev) / (1 - a) * (1 - a / a_prev))
//   prev  = sqrt(a_prev) * x0 + sqrt(1 - a_prev - sigma^2) * epsilon + sigma * z
//   z ~ N(0, 1), a = alpha_bar[t], a_prev = alpha_bar[t_prev]
//
// epsilon = (x - sqrt(a) * x0) / sqrt(1 - a), of the clipped x0 with `rederive`, else of the one before
// clipping: where clipping bites, the two differ greatly.
//
// x, prediction, prev, x0: [N,...]; t, t_prev: [N], t_prev = -1 is the clean image.
// eta: 0 = no fresh noise, 1 = as much as DDPM's.
#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/kernels/gaussian.h"
#include "nodes/sampling/denoising_step.h"

namespace dagfusion {
namespace {

class DdimStep final : public Map {
 public:
  explicit DdimStep(Setup& setup)
      : step_(setup), eta_(setup.real("eta")), rederive_(setup.flag("rederive")) {}

  void forward(Call& call) const override {
    for (int n = 0; n < step_.images(); ++n) {
      const DenoisingStep::Image image = step_.image(call, n);
      const double a = image.alpha_bar, a_prev = image.alpha_bar_prev;
      const double sigma = eta_ * std::sqrt((1 - a_prev) / (1 - a) * (1 - a / a_prev));
      const double clean = std::sqrt(a_prev), noisy = std::sqrt(std::max(0.0, 1 - a_prev - sigma * sigma));
      const double root = std::sqrt(a), spread = std::sqrt(1 - a);
      if (sigma > 0) kernels::gaussian(call.random(n), image.prev, step_.each());
      for (std::size_t i = 0; i < step_.each(); ++i) {
        const double raw = step_.clean(image, i), clipped = step_.clip(raw);
        const double epsilon = (image.x[i] - root * (rederive_ ? clipped : raw)) / spread;
        const double z = sigma > 0 ? image.prev[i] : 0;
        image.x0[i] = static_cast<float>(clipped);
        image.prev[i] = static_cast<float>(clean * clipped + noisy * epsilon + sigma * z);
      }
    }
  }

 private:
  DenoisingStep step_;
  double eta_;
  bool rederive_;
};

}  // namespace

NodeType ddim_step() {
  std::vector<Parameter> parameters = {
      {.name = "eta",
       .kind = Kind::real,
       .doc = "fresh noise: 0 = none, 1 = as much as DDPM's",
       .standard = 0.0,
       .minimum = 0,
       .maximum = 1},
      {.name = "rederive",
       .kind = Kind::boolean,
       .doc = "take the noise from the clipped image, so that both agree; false keeps that of the prediction",
       .standard = true}};
  for (Parameter& shared : DenoisingStep::parameters()) parameters.push_back(shared);
  return {.name = "ddim_step",
          .summary = "One step of DDIM sampling, from timestep t to t_prev.",
          .stands_for = {"sampler"},
          .paper = "Song et al. 2021, arXiv:2010.02502, eq. 12 and 16",
          .example = "{type: ddim_step, in: {x: carry.x, prediction: out, each: each}, eta: 0.0}",
          .inputs = DenoisingStep::inputs(),
          .outputs = DenoisingStep::outputs(),
          .parameters = parameters,
          .create = make_node<DdimStep>};
}

}  // namespace dagfusion
