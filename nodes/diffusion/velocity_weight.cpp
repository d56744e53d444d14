// velocity_weight: the error of a flow's velocity, whatever the model predicts.
// Li, He 2025, "Back to Basics: Let Denoising Generative Models Denoise", arXiv:2511.13720.
//
//   w = 1 / max(t, floor)^2, t = sigma / (alpha + sigma):  weight 1 for velocity above the floor
//
// Shapes, and how w becomes the weight: nodes/diffusion/loss_weight.h.
#include <algorithm>
#include <cmath>

#include "nodes/diffusion/loss_weight.h"

namespace dagfusion {
namespace {

class Velocity {
 public:
  explicit Velocity(Setup& setup) : floor_(setup.real("floor")) {}

  double operator()(double snr, double) const {
    const double t = std::max(1 / (1 + std::sqrt(snr)), floor_);
    return 1 / (t * t);
  }

 private:
  double floor_;
};

}  // namespace

NodeType velocity_weight() {
  return loss_weight<Velocity>("velocity_weight",
                               "Makes the loss that of a flow's velocity, whatever the model predicts.",
                               "Li, He 2025, arXiv:2511.13720",
                               {{.name = "floor",
                                 .kind = Kind::real,
                                 .doc = "share of noise below which the weight grows no more",
                                 .standard = 0.05,
                                 .minimum = 0,
                                 .maximum = 1,
                                 .above_minimum = true}});
}

}  // namespace dagfusion
