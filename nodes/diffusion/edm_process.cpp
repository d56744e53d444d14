// process edm: noise is added at levels sigma; what the network sees has unit variance at every level.
// Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv:2206.00364, table 1.
//
//   alpha = 1, sigma = t,  t in [sigma_min, sigma_max] = [0.002, 80]
//   the network sees x / sqrt(t^2 + sigma_data^2), and ln(t) / 4
#include <fmt/format.h>

#include "nodes/diffusion/sigma_process.h"

namespace dagfusion {
namespace {

class EdmProcess final : public SigmaProcess {
 public:
  explicit EdmProcess(const Parameters& given) : SigmaProcess(given, 0.002, 80) {}
  const char* usual_spacing() const override { return "karras"; }
  NetworkInput network_input(double t) const override {
    return {1 / std::hypot(t, sigma_data()), std::log(t) / 4};
  }

 private:
  bool scales_input() const override { return true; }
};

}  // namespace

std::unique_ptr<NoiseProcess> edm_process(const Parameters& given) {
  return std::make_unique<EdmProcess>(given);
}

}  // namespace dagfusion
