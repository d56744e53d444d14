// process flow: rectified flow, straight lines from image to noise.
// Liu et al. 2023, "Flow Straight and Fast", arXiv:2209.03003, eq. 1; Lipman et al. 2023, arXiv:2210.02747.
//
//   alpha = 1 - t, sigma = t,  t in (0, 1]: 0 is the image, 1 is noise (some papers count the other way)
//   the network sees time_scale * t
//
// With `prediction: epsilon` t ends at 0.999: pure noise does not say what image it stands for.
#include <algorithm>
#include <cmath>

#include "nodes/diffusion/noise_process.h"

namespace dagfusion {
namespace {

constexpr double kLeast = 1e-5, kMostForEpsilon = 0.999;

class FlowProcess final : public NoiseProcess {
 public:
  explicit FlowProcess(const Parameters& given)
      : NoiseProcess(given),
        most_(prediction().what == Prediction::epsilon ? kMostForEpsilon : 1),
        time_scale_(given.real("time_scale")) {}

  double least() const override { return kLeast; }
  double most() const override { return most_; }
  bool has(double t) const override { return t > 0 && static_cast<float>(t) <= static_cast<float>(most_); }
  double at_share(double u) const override { return kLeast + (most_ - kLeast) * u; }
  double sampling_end() const override { return 1e-3; }
  const char* usual_spacing() const override { return "trailing"; }
  bool straight() const override { return true; }
  double time_of(double s) const override {
    return std::clamp(std::isinf(s) ? 1 : s / (1 + s), kLeast, most_);
  }
  NetworkInput network_input(double t) const override { return {1, time_scale_ * t}; }

 private:
  NoiseLevel level_at(double t) const override { return {1 - t, t}; }
  bool maps_time() const override { return time_scale_ != 1; }

  double most_, time_scale_;
};

}  // namespace

std::unique_ptr<NoiseProcess> flow_process(const Parameters& given) {
  return std::make_unique<FlowProcess>(given);
}

}  // namespace dagfusion
