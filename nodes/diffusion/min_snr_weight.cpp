// min_snr_weight: keeps images with little noise from ruling the loss.
// Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy", arXiv:2303.09556, section 3.4.
//
//   w = min(snr, gamma):  weight min(snr, gamma) / snr for epsilon, min(snr, gamma) for sample,
//   min(snr, gamma) / (snr + 1) for v
//
// Shapes, and how w becomes the weight: nodes/diffusion/loss_weight.h.
#include <algorithm>

#include "nodes/diffusion/loss_weight.h"

namespace dagfusion {
namespace {

class MinSnr {
 public:
  explicit MinSnr(Setup& setup) : gamma_(setup.real("gamma")) {}

  double operator()(double snr, double) const { return std::min(snr, gamma_); }

 private:
  double gamma_;
};

}  // namespace

NodeType min_snr_weight() {
  return loss_weight<MinSnr>("min_snr_weight", "Keeps images with little noise from ruling the loss.",
                             "Hang et al. 2023, arXiv:2303.09556, section 3.4",
                             {{.name = "gamma",
                               .kind = Kind::real,
                               .doc = "signal-to-noise ratio from which on images count no more",
                               .standard = 5.0,
                               .minimum = 0,
                               .above_minimum = true}});
}

}  // namespace dagfusion
