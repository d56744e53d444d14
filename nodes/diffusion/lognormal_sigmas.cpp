// lognormal_sigmas: draws a noise level for each image whose logarithm is normally distributed.
// Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv:2206.00364, table 1.
//
//   ln sigma ~ N(mean, deviation^2);  t = the time at which sigma / alpha is that
//
// With `process: flow` this is the "skewed" draw of Lipman et al. 2024, arXiv:2412.06264.
// Shapes, pairing and shift: nodes/diffusion/time_draws.h.
#include "nodes/diffusion/lognormal_draws.h"

namespace dagfusion {

NodeType lognormal_sigmas() {
  NodeType type = TimeDraws::type(
      "lognormal_sigmas", "Draws a noise level for each image whose logarithm is normally distributed.",
      LognormalDraws::parameters("ln sigma", -1.2, 1.2));
  type.paper = "Karras et al. 2022, arXiv:2206.00364, table 1";
  type.create = make_node<LognormalDraws>;
  return type;
}

}  // namespace dagfusion
