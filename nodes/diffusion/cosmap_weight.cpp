// cosmap_weight: weighs times of a flow as a cosine schedule would draw them.
// Esser et al. 2024, "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis", arXiv:2403.03206, eq. 21.
//
//   weight 2 / (pi * (1 - 2 t + 2 t^2)) for velocity, t = sigma / (alpha + sigma):  w = that / t^2
//
// Shapes, and how w becomes the weight: nodes/diffusion/loss_weight.h.
#include <cmath>
#include <numbers>

#include "nodes/diffusion/loss_weight.h"

namespace dagfusion {
namespace {

class Cosmap {
 public:
  explicit Cosmap(Setup&) {}

  double operator()(double snr, double) const {
    const double t = 1 / (1 + std::sqrt(snr));
    return 2 / (std::numbers::pi * (1 - 2 * t + 2 * t * t)) / (t * t);
  }
};

}  // namespace

NodeType cosmap_weight() {
  return loss_weight<Cosmap>("cosmap_weight", "Weighs times of a flow as a cosine schedule would draw them.",
                             "Esser et al. 2024, arXiv:2403.03206, eq. 21");
}

}  // namespace dagfusion
