// snr_weight: the error of the noise, whatever the model predicts; also known as 1 / sigma^2.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 14 seen as a loss of x0;
// Song et al. 2021, arXiv:2011.13456 (1 / sigma^2 of the variance-exploding process).
//
//   w = snr:  weight 1 for epsilon, snr for sample, snr / (snr + 1) for v
//
// Shapes, and how w becomes the weight: nodes/diffusion/loss_weight.h.
#include "nodes/diffusion/loss_weight.h"

namespace dagfusion {
namespace {

class Snr {
 public:
  explicit Snr(Setup&) {}

  double operator()(double snr, double) const { return snr; }
};

}  // namespace

NodeType snr_weight() {
  return loss_weight<Snr>("snr_weight",
                          "Makes the loss that of the noise, whatever the model predicts (1 / sigma^2).",
                          "Ho et al. 2020, arXiv:2006.11239, eq. 14");
}

}  // namespace dagfusion
