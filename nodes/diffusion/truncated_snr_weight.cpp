// truncated_snr_weight: snr_weight that never falls below the error of the clean image.
// Salimans & Ho 2022, "Progressive Distillation for Fast Sampling of Diffusion Models", arXiv:2202.00512, section 4.
//
//   w = max(snr, 1)
//
// Shapes, and how w becomes the weight: nodes/diffusion/loss_weight.h.
#include <algorithm>

#include "nodes/diffusion/loss_weight.h"

namespace dagfusion {
namespace {

class TruncatedSnr {
 public:
  explicit TruncatedSnr(Setup&) {}

  double operator()(double snr, double) const { return std::max(snr, 1.0); }
};

}  // namespace

NodeType truncated_snr_weight() {
  return loss_weight<TruncatedSnr>("truncated_snr_weight",
                                   "The error of the noise, or that of the clean image where it weighs more.",
                                   "Salimans, Ho 2022, arXiv:2202.00512, section 4");
}

}  // namespace dagfusion
