// process vp: the variance-preserving process in continuous time.
// Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential Equations", arXiv:2011.13456,
// eq. 11; in the form of Karras et al. 2022, arXiv:2206.00364, table 1.
//
//   sigma / alpha = sqrt(exp(growth t^2 / 2 + minimum t) - 1),  alpha^2 + sigma^2 = 1,  t in [1e-5, 1]
//   the network sees 999 t, as if t were one of 1000 timesteps
#include <cmath>

#include "nodes/diffusion/noise_process.h"

namespace dagfusion {
namespace {

constexpr double kLeast = 1e-5, kNetworkTimes = 999;

class VpProcess final : public NoiseProcess {
 public:
  explicit VpProcess(const Parameters& given)
      : NoiseProcess(given), minimum_(given.real("beta_minimum")), growth_(given.real("beta_growth")) {}

  double least() const override { return kLeast; }
  double most() const override { return 1; }
  bool has(double t) const override { return t > 0 && t <= 1; }
  double at_share(double u) const override { return kLeast + (1 - kLeast) * u; }
  double sampling_end() const override { return 1e-3; }
  const char* usual_spacing() const override { return "linspace"; }

  // growth t^2 / 2 + minimum t = ln(1 + s^2), solved for t.
  double time_of(double s) const override {
    const double t = (std::sqrt(minimum_ * minimum_ + 2 * growth_ * std::log1p(s * s)) - minimum_) / growth_;
    return std::clamp(t, kLeast, 1.0);
  }

  NetworkInput network_input(double t) const override { return {1, kNetworkTimes * t}; }

 private:
  NoiseLevel level_at(double t) const override {
    return variance_preserving(std::sqrt(std::expm1(growth_ / 2 * t * t + minimum_ * t)));
  }
  bool maps_time() const override { return true; }

  double minimum_, growth_;
};

}  // namespace

std::unique_ptr<NoiseProcess> vp_process(const Parameters& given) {
  return std::make_unique<VpProcess>(given);
}

}  // namespace dagfusion
