// euler_step: one step of Euler's method along the probability flow ODE, from time t to t_prev.
// Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv:2206.00364, algorithm 1
// without its correction; Lipman et al. 2023, arXiv:2210.02747 (flows). With eta: "Euler ancestral".
//
//   prev = alpha' * (x0 + d * e + u * z),  e = (x - alpha * x0) / sigma,  z ~ N(0, 1)
//   with k = sigma / alpha at t and k' at t_prev: u = eta * k' * sqrt(1 - (k' / k)^2), d = sqrt(k'^2 - u^2)
//
// On a flow, without eta: prev = x + (t_prev - t) * velocity. The same as ddim_step, under the name of other papers.
// x, prediction, prev, x0: [N,...]; t, t_prev: [N], times of the section `diffusion`, t_prev may be the clean image's.
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/sampling/denoising_step.h"

namespace dagfusion {
namespace {

class EulerStep final : public Map {
 public:
  explicit EulerStep(Setup& setup) : step_(setup), eta_(setup.real("eta")) {}

  void forward(Call& call) const override {
    for (int n = 0; n < step_.images(); ++n) {
      const DenoisingStep::Image image = step_.image(call, n);
      const double fresh = eta_ * std::sqrt(step_.process().between(image.t_prev, image.t).variance);
      const double kept =
          std::sqrt(std::max(0.0, image.to.sigma * image.to.sigma - fresh * fresh)) / image.from.sigma;
      step_.mix(call, n, image, kept, image.to.alpha - kept * image.from.alpha, fresh);
    }
  }

 private:
  DenoisingStep step_;
  double eta_;
};

}  // namespace

NodeType euler_step() {
  return {.name = "euler_step",
          .summary = "One step of Euler's method, from time t to t_prev; with `eta` Euler ancestral.",
          .stands_for = {"sampler"},
          .paper = "Karras et al. 2022, arXiv:2206.00364, algorithm 1",
          .example = "{type: euler_step, in: {x: carry.x, prediction: out, each: each}}",
          .inputs = DenoisingStep::inputs(),
          .outputs = DenoisingStep::outputs(),
          .parameters = DenoisingStep::parameters({{.name = "eta",
                                                    .kind = Kind::real,
                                                    .doc = "fresh noise: 0 = none, 1 = Euler ancestral",
                                                    .standard = 0.0,
                                                    .minimum = 0,
                                                    .maximum = 1}}),
          .create = make_node<EulerStep>};
}

}  // namespace dagfusion
