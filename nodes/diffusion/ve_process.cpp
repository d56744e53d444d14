// process ve: the variance-exploding process in continuous time.
// Song, Ermon 2019, "Generative Modeling by Estimating Gradients of the Data Distribution", arXiv:1907.05600;
// Song et al. 2021, arXiv:2011.13456, eq. 9; in the form of Karras et al. 2022, arXiv:2206.00364, table 1.
//
//   alpha = 1, sigma = t,  t in [sigma_min, sigma_max] = [0.02, 100], drawn evenly in ln t
//   the network sees x as it is, and ln(t / 2)
#include <fmt/format.h>

#include "nodes/diffusion/sigma_process.h"

namespace dagfusion {
namespace {

class VeProcess final : public SigmaProcess {
 public:
  explicit VeProcess(const Parameters& given) : SigmaProcess(given, 0.02, 100) {}
  const char* usual_spacing() const override { return "exponential"; }
  NetworkInput network_input(double t) const override { return {1, std::log(t / 2)}; }
};

}  // namespace

std::unique_ptr<NoiseProcess> ve_process(const Parameters& given) {
  return std::make_unique<VeProcess>(given);
}

}  // namespace dagfusion
