// prediction_target: what the model is to predict, as the section `diffusion` says under `prediction`.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239 (epsilon, sample).
// Salimans & Ho 2022, "Progressive Distillation for Fast Sampling of Diffusion Models", arXiv:2202.00512 (v).
//
//   epsilon: target = noise
//   sample:  target = x0
//   v:       target = sqrt(alpha_bar[t]) * noise - sqrt(1 - alpha_bar[t]) * x0
//
// x0, noise, target: [N,...], x0 in [-1,1]; t: [N], 0 = least noise.
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/diffusion/mixture.h"
#include "nodes/diffusion/noise_schedule.h"

namespace dagfusion {
namespace {

class PredictionTarget final : public Mixture {
 public:
  explicit PredictionTarget(Setup& setup)
      : Mixture(setup, "target"), schedule_(setup.resource<NoiseSchedule>("diffusion")) {}

 private:
  Shares shares(float t) const override {
    const double alpha_bar = schedule_.alpha_bar(schedule_.index(t));
    switch (schedule_.prediction()) {
      case Prediction::epsilon:
        return {0, 1};
      case Prediction::sample:
        return {1, 0};
      case Prediction::v:
        break;
    }
    return {static_cast<float>(-std::sqrt(1 - alpha_bar)), static_cast<float>(std::sqrt(alpha_bar))};
  }

  const NoiseSchedule& schedule_;
};

}  // namespace

NodeType prediction_target() {
  return {.name = "prediction_target",
          .summary = "What the model is to predict: the noise, the clean image or v.",
          .stands_for = {"target"},
          .paper = "Ho et al. 2020, arXiv:2006.11239; Salimans, Ho 2022, arXiv:2202.00512 (v)",
          .example = "{type: prediction_target, in: {x0: x0, noise: noise, t: t}}",
          .inputs = {{"x0", "[N,...] f32", "clean images in [-1,1]"},
                     {"noise", "[N,...] f32", "the noise that was added to them"},
                     {"t", "[N] f32", "timestep of each image"}},
          .outputs = {{"target", "[N,...] f32", "what `prediction` in the section `diffusion` names"}},
          .create = make_node<PredictionTarget>};
}

}  // namespace dagfusion
