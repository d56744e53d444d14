// loss_by_time: the loss of a step by how much noise its images had, in four parts, for metrics_log.
// Nichol, Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672: so does their code.
//
//   sums (sums_by_time, each frame) -> means (means_by_time, each step)
//
// The parts are quartiles of what uniform_timesteps draws on the process: with 1000 timesteps q0 is 0 … 249; of flow
// and vp a fourth of the times; of ve and edm a fourth of ln(sigma). Other draws fill them unevenly.
#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

void expand(Builder& build) {
  const Wire sums =
      build.add("sums", "sums_by_time", {{"per_image", build.input("per_image")}, {"t", build.input("t")}});
  const Wire means = build.add("means", "means_by_time", {{"sums", sums}});
  for (const char* port : {"loss_q0", "loss_q1", "loss_q2", "loss_q3"})
    build.output(port, build.port(means, port));
}

}  // namespace

NodeType loss_by_time() {
  return {.name = "loss_by_time",
          .summary = "The loss of a step by how much noise its images had, in four parts.",
          .paper = "Nichol, Dhariwal 2021, arXiv:2102.09672 (their code)",
          .example = "{type: loss_by_time, in: {per_image: loss.per_image, t: t}}",
          .role = Role::composite,
          .inputs = {{"per_image", "[N] f32", "loss of each image"}, {"t", "[N] f32", "time of each image"}},
          .outputs = {{"loss_q0", "[] f32", "loss of the images with the least noise"},
                      {"loss_q1", "[] f32", "of those with less noise than half"},
                      {"loss_q2", "[] f32", "of those with more noise than half"},
                      {"loss_q3", "[] f32", "of those with the most noise"}},
          .expand = expand};
}

}  // namespace dagfusion
