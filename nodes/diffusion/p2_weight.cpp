// p2_weight: turns the loss of noise prediction away from the finest details.
// Choi et al. 2022, "Perception Prioritized Training of Diffusion Models", arXiv:2204.00227, eq. 8.
//
//   weight 1 / (k + snr)^gamma for epsilon: w = snr / (k + snr)^gamma
//
// Shapes, and how w becomes the weight: nodes/diffusion/loss_weight.h.
#include <cmath>

#include "nodes/diffusion/loss_weight.h"

namespace dagfusion {
namespace {

class P2 {
 public:
  explicit P2(Setup& setup) : k_(setup.real("k")), gamma_(setup.real("gamma")) {}

  double operator()(double snr, double) const { return snr / std::pow(k_ + snr, gamma_); }

 private:
  double k_, gamma_;
};

}  // namespace

NodeType p2_weight() {
  return loss_weight<P2>("p2_weight", "Turns the loss of noise prediction away from the finest details.",
                         "Choi et al. 2022, arXiv:2204.00227, eq. 8",
                         {{.name = "k",
                           .kind = Kind::real,
                           .doc = "bounds the weight of the noisiest images",
                           .standard = 1.0,
                           .minimum = 0,
                           .above_minimum = true},
                          {.name = "gamma",
                           .kind = Kind::real,
                           .doc = "how strongly details are turned away from; 0 = not at all",
                           .standard = 1.0,
                           .minimum = 0}});
}

}  // namespace dagfusion
