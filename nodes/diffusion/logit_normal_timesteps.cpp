// logit_normal_timesteps: draws times of a flow that lie more often in the middle than at its ends.
// Esser et al. 2024, "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis", arXiv:2403.03206, eq. 19.
//
//   t = 1 / (1 + exp(-(mean + deviation * z))), z ~ N(0,1)
//
// On other processes: the time with the noise sigma / alpha = t / (1 - t).
// Shapes, pairing and shift: nodes/diffusion/time_draws.h.
#include "nodes/diffusion/lognormal_draws.h"

namespace dagfusion {

NodeType logit_normal_timesteps() {
  NodeType type = TimeDraws::type("logit_normal_timesteps",
                                  "Draws times of a flow that lie more often in the middle than at its ends.",
                                  LognormalDraws::parameters("the logit of t", 0, 1));
  type.paper = "Esser et al. 2024, arXiv:2403.03206, eq. 19";
  type.create = make_node<LognormalDraws>;
  return type;
}

}  // namespace dagfusion
