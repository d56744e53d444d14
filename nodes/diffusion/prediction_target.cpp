// prediction_target: what the model is to predict, as the section `diffusion` says under `prediction`.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239 (epsilon, sample).
// Salimans & Ho 2022, "Progressive Distillation for Fast Sampling of Diffusion Models", arXiv:2202.00512 (v).
//
//   target = noise (epsilon), x0 (sample), alpha(t) * noise - sigma(t) * x0 (v), noise - x0 (velocity), F (edm):
//   nodes/diffusion/prediction.h
//
// x0, noise, target: [N,...], x0 in [-1,1]; t: [N], a time of the section `diffusion`.
#include "graph/types/catalog.h"
#include "nodes/diffusion/mixture.h"
#include "nodes/diffusion/noise_process.h"

namespace dagfusion {
namespace {

class PredictionTarget final : public Mixture {
 public:
  explicit PredictionTarget(Setup& setup)
      : Mixture(setup, "target"), process_(setup.resource<NoiseProcess>("diffusion")) {}

 private:
  Shares shares(float t) const override {
    const auto [from_x0, from_noise] = process_.prediction().target(process_.level(process_.time(t)));
    return {static_cast<float>(from_x0), static_cast<float>(from_noise)};
  }

  const NoiseProcess& process_;
};

}  // namespace

NodeType prediction_target() {
  return {.name = "prediction_target",
          .summary = "What the model is to predict: the noise, the clean image, v, the velocity or EDM's F.",
          .stands_for = {"target"},
          .paper =
              "Ho et al. 2020, arXiv:2006.11239; Salimans, Ho 2022, arXiv:2202.00512 (v); Lipman et al. "
              "2023, arXiv:2210.02747 (velocity); Karras et al. 2022, arXiv:2206.00364 (edm)",
          .example = "{type: prediction_target, in: {x0: x0, noise: noise, t: t}}",
          .inputs = {{"x0", "[N,...] f32", "clean images in [-1,1]"},
                     {"noise", "[N,...] f32", "the noise that was added to them"},
                     {"t", "[N] f32", "timestep of each image"}},
          .outputs = {{"target", "[N,...] f32", "what `prediction` in the section `diffusion` names"}},
          .create = make_node<PredictionTarget>};
}

}  // namespace dagfusion
