// soft_min_snr_weight: min_snr_weight with a smooth bend.
// Crowson et al. 2024, "Scalable High-Resolution Pixel-Space Image Synthesis with Hourglass Diffusion Transformers",
// arXiv:2401.11605, eq. 13.
//
//   w = snr * gamma / (snr + gamma)       (gamma 4 = 1 / sigma_data^2 is that of k-diffusion)
//
// Shapes, and how w becomes the weight: nodes/diffusion/loss_weight.h.
#include "nodes/diffusion/loss_weight.h"

namespace dagfusion {
namespace {

class SoftMinSnr {
 public:
  explicit SoftMinSnr(Setup& setup) : gamma_(setup.real("gamma")) {}

  double operator()(double snr, double) const { return snr * gamma_ / (snr + gamma_); }

 private:
  double gamma_;
};

}  // namespace

NodeType soft_min_snr_weight() {
  return loss_weight<SoftMinSnr>("soft_min_snr_weight",
                                 "Keeps images with little noise from ruling the loss, with a smooth bend.",
                                 "Crowson et al. 2024, arXiv:2401.11605",
                                 {{.name = "gamma",
                                   .kind = Kind::real,
                                   .doc = "signal-to-noise ratio from which on images count no more",
                                   .standard = 4.0,
                                   .minimum = 0,
                                   .above_minimum = true}});
}

}  // namespace dagfusion
