// add_noise: mixes clean images with Gaussian noise, as much as timestep t says.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 4 (q_sample).
//
//   xt = alpha(t) * x0 + sigma(t) * noise       (process discrete: alpha^2 = alpha_bar[t], sigma^2 = 1 - alpha_bar[t])
//
// x0, noise, xt: [N,...], x0 in [-1,1]; t: [N], a time of the section `diffusion`, or the clean image's.
#include "graph/types/catalog.h"
#include "nodes/diffusion/mixture.h"
#include "nodes/diffusion/noise_process.h"

namespace dagfusion {
namespace {

class AddNoise final : public Mixture {
 public:
  explicit AddNoise(Setup& setup)
      : Mixture(setup, "xt"), process_(setup.resource<NoiseProcess>("diffusion")) {}

 private:
  Shares shares(float t) const override {
    const auto [alpha, sigma] = process_.level(process_.time_or_clean(t));
    return {static_cast<float>(alpha), static_cast<float>(sigma)};
  }

  const NoiseProcess& process_;
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
