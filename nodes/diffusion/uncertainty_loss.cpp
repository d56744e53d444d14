// uncertainty_loss: weighs the loss at each noise level by how large it is there, which is learned along with the model.
// Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models" (EDM2), arXiv:2312.02696,
// section 2.2.
//
//   loss = mean of per_image / e^u(t) + u(t)
//   waves (fourier_features) -> u (linear, without bias, 0 at first) -> weighed (weigh_by_uncertainty)
//
// The linear layer is not part of the model: sampling does without it. Its weights are trained by the same optimiser.
#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

constexpr double kAlmostNothing = 1e-10;  // of initial weights: u = 0 leaves the loss as it is

void expand(Builder& build) {
  const Wire waves = build.add("waves", "fourier_features", {{"t", build.input("t")}},
                               {{"dim", build.parameters().setting("dim")}});
  const Wire u = build.add("u", "linear", {{"x", waves}},
                           {{"channels", std::int64_t{1}}, {"bias", false}, {"init_scale", kAlmostNothing}});
  const Wire weighed =
      build.add("weighed", "weigh_by_uncertainty", {{"per_image", build.input("per_image")}, {"u", u}});
  build.output("loss", weighed);
  build.output("per_image", build.port(weighed, "per_image"));
  build.output("u", u);
}

}  // namespace

NodeType uncertainty_loss() {
  return {.name = "uncertainty_loss",
          .summary = "Weighs the loss at each noise level by how large it is there, which is learned.",
          .paper = "Karras et al. 2024, arXiv:2312.02696",
          .example = "{type: uncertainty_loss, in: {per_image: loss.per_image, t: t}}",
          .role = Role::composite,
          .inputs = {{"per_image", "[N] f32", "loss of each image"}, {"t", "[N] f32", "time of each image"}},
          .outputs = {{"loss", "[] f32", "what is to be minimized"},
                      {"per_image", "[N] f32", "loss of each image, weighed"},
                      {"u", "[N,1] f32", "logarithm of the loss that is expected"}},
          .parameters = {{.name = "dim",
                          .doc = "waves over the noise level, from which u is made",
                          .standard = std::int64_t{128},
                          .minimum = 1,
                          .maximum = 65536}},
          .expand = expand};
}

}  // namespace dagfusion
