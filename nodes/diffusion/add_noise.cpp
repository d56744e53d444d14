// add_noise: mixes clean images with Gaussian noise, as much as timestep t says.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 4 (q_sample).
//
//   xt = sqrt(alpha_bar[t]) * x0 + sqrt(1 - alpha_bar[t]) * noise
//
// x0, noise, xt: [N,...], x0 in [-1,1]; t: [N], 0 = least noise.
#include <cmath>

#include "nodes/catalog.h"
#include "nodes/diffusion/noise_schedule.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class AddNoise final : public Map {
 public:
  explicit AddNoise(Setup& setup)
      : schedule_(setup.resource<NoiseSchedule>("diffusion")),
        x0_(setup.input("x0")),
        noise_(setup.input("noise")),
        t_(setup.input("t")),
        xt_(setup.output("xt")),
        images_(xt_.spec.shape[0]),
        each_(count_of(xt_.spec.shape) / images_) {
    setup.backward_reads(t_);
  }

  void forward(Call& call) const override {
    const float *x0 = call.in<float>(x0_), *noise = call.in<float>(noise_), *t = call.in<float>(t_);
    float* xt = call.out<float>(xt_);
    for (std::int64_t n = 0; n < images_; ++n) {
      const auto [image, noisy] = shares(t[n]);
      kernels::axpby(image, x0 + n * each_, noisy, noise + n * each_, xt + n * each_, each_);
    }
  }

  // d(x0) = sqrt(alpha_bar[t]) * d(xt), d(noise) = sqrt(1 - alpha_bar[t]) * d(xt)
  void backward(Call& call) const override {
    const float *t = call.in<float>(t_), *dxt = static_cast<const float*>(call.d(xt_));
    float *dx0 = static_cast<float*>(call.d(x0_)), *dnoise = static_cast<float*>(call.d(noise_));
    for (std::int64_t n = 0; n < images_; ++n) {
      const auto [image, noisy] = shares(t[n]);
      if (dx0) kernels::scale(image, dxt + n * each_, dx0 + n * each_, each_);
      if (dnoise) kernels::scale(noisy, dxt + n * each_, dnoise + n * each_, each_);
    }
  }

 private:
  struct Shares {
    float image, noise;
  };
  Shares shares(float t) const {
    const double alpha_bar = schedule_.alpha_bar(schedule_.index(t));
    return {static_cast<float>(std::sqrt(alpha_bar)), static_cast<float>(std::sqrt(1 - alpha_bar))};
  }

  const NoiseSchedule& schedule_;
  Input x0_, noise_, t_;
  Output xt_;
  std::int64_t images_, each_;  // each: numbers of one image
};

}  // namespace

NodeType add_noise() {
  return {.name = "add_noise",
          .summary = "Mixes clean images with noise, as much as the timestep says.",
          .inputs = {{"x0", "[N,...] f32", "clean images in [-1,1]"},
                     {"noise", "[N,...] f32", "standard Gaussian"},
                     {"t", "[N] f32", "timestep of each image"}},
          .outputs = {{"xt", "[N,...] f32", "noisy images"}},
          .differentiable = true,
          .create = make_node<AddNoise>};
}

}  // namespace dagfusion
