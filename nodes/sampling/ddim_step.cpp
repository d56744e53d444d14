// ddim_step: one step of DDIM sampling, from time t to t_prev, which may lie far apart.
// Song et al. 2021, "Denoising Diffusion Implicit Models", arXiv:2010.02502, eq. 12 and 16.
//
//   x0   = the clean image that the prediction stands for, clipped to [-r, r]
//   with alpha, sigma at t and alpha', sigma' at t_prev:
//   s    = eta * sigma' / sigma * sqrt(sigma^2 - (alpha / alpha')^2 * sigma'^2)
//   prev = alpha' * x0 + sqrt(sigma'^2 - s^2) * epsilon + s * z,  z ~ N(0, 1)
//   (process discrete: alpha^2 = alpha_bar[t], sigma^2 = 1 - alpha_bar[t])
//
// epsilon = (x - alpha * x0) / sigma, of the clipped x0 with `rederive`, else of the one before clipping: where
// clipping bites, the two differ greatly.
//
// x, prediction, prev, x0: [N,...]; t, t_prev: [N], times of the section `diffusion`, t_prev may be the clean image's.
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
      const double s = eta_ * std::sqrt(step_.process().between(image.t_prev, image.t).variance);
      const double noisy = std::sqrt(std::max(0.0, image.to.sigma * image.to.sigma - s * s));
      if (s > 0) kernels::gaussian(call.random(n), image.prev, step_.each());
      for (std::size_t i = 0; i < step_.each(); ++i) {
        const double x0 = image.clean(image.x[i], image.prediction[i]);
        const double epsilon =
            image.noise(i, rederive_ ? x0 : image.clean.raw(image.x[i], image.prediction[i]));
        const double z = s > 0 ? image.prev[i] : 0;
        image.prev[i] = static_cast<float>(image.to.alpha * x0 + noisy * epsilon + s * z);
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
  return {.name = "ddim_step",
          .summary = "One step of DDIM sampling, from time t to t_prev.",
          .stands_for = {"sampler"},
          .paper = "Song et al. 2021, arXiv:2010.02502, eq. 12 and 16",
          .example = "{type: ddim_step, in: {x: carry.x, prediction: out, each: each}, eta: 0.0}",
          .inputs = DenoisingStep::inputs(),
          .outputs = DenoisingStep::outputs(),
          .parameters = DenoisingStep::parameters(
              {{.name = "eta",
                .kind = Kind::real,
                .doc = "fresh noise: 0 = none, 1 = as much as DDPM's",
                .standard = 0.0,
                .minimum = 0,
                .maximum = 1},
               {.name = "rederive",
                .kind = Kind::boolean,
                .doc = "take the noise from the clipped image, so that both agree; false keeps that of the "
                       "prediction",
                .standard = true}}),
          .create = make_node<DdimStep>};
}

}  // namespace dagfusion
