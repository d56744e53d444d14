// edm_weight: makes the loss of EDM's network as large at every noise level when training begins.
// Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv:2206.00364, table 1.
//
//   w = (sigma^2 + sigma_data^2) / (sigma * sigma_data)^2 = snr + 1 / sigma_data^2, sigma^2 = 1 / snr
//   weight 1 for `prediction: edm`
//
// Shapes, and how w becomes the weight: nodes/diffusion/loss_weight.h.
#include "nodes/diffusion/loss_weight.h"

namespace dagfusion {
namespace {

class Edm {
 public:
  explicit Edm(Setup&) {}

  double operator()(double snr, double sigma_data) const { return snr + 1 / (sigma_data * sigma_data); }
};

}  // namespace

NodeType edm_weight() {
  return loss_weight<Edm>("edm_weight", "Makes the loss as large at every noise level when training begins.",
                          "Karras et al. 2022, arXiv:2206.00364, table 1");
}

}  // namespace dagfusion
