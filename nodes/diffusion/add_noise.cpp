// add_noise: mixes clean images with Gaussian noise, as much as timestep t says.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 4 (q_sample).
//
//   xt = sqrt(alpha_bar[t]) * x0 + sqrt(1 - alpha_bar[t]) * noise
//
// x0, noise, xt: [N,...], x0 in [-1,1]; t: [N], 0 = least noise.
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/diffusion/mixture.h"
#include "nodes/diffusion/noise_schedule.h"

namespace dagfusion {
namespace {

class AddNoise final : public Mixture {
 public:
  explicit AddNoise(Setup& setup)
      : Mixture(setup, "xt"), schedule_(setup.resource<NoiseSchedule>("diffusion")) {}

 private:
  Shares shares(float t) const override {
    const double alpha_bar = schedule_.alpha_bar(schedule_.index(t));
    return {static_cast<float>(std::sqrt(alpha_bar)), static_cast<float>(std::sqrt(1 - alpha_bar))};
  }

  const NoiseSchedule& schedule_;
};

}  // namespace

NodeType add_noise() {
  return {.name = "add_noise",
          .summary = "Mixes clean images with noise, as much as the timestep says.",
          .stands_for = {"noising"},
          .paper = "Ho et al. 2020, arXiv:2006.11239, eq. 4",
          .example = "{type: add_noise, in: {x0: x0, noise: noise, t: t}}",
          .inputs = {{"x0", "[N,...] f32", "clean images in [-1,1]"},
                     {"noise", "[N,...] f32", "standard Gaussian"},
                     {"t", "[N] f32", "timestep of each image"}},
          .outputs = {{"xt", "[N,...] f32", "noisy images"}},
          .create = make_node<AddNoise>};
}

}  // namespace dagfusion
