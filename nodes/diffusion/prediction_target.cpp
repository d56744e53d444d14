// prediction_target: what the model is to predict, as the section `diffusion` says under `prediction`.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239 (epsilon, sample).
// Salimans & Ho 2022, "Progressive Distillation for Fast Sampling of Diffusion Models", arXiv:2202.00512 (v).
//
//   epsilon: target = noise
//   sample:  target = x0
//   v:       target = sqrt(alpha_bar[t]) * noise - sqrt(1 - alpha_bar[t]) * x0
//
// x0, noise, target: [N,...], x0 in [-1,1]; t: [N], 0 = least noise.
#include <cmath>

#include "nodes/catalog.h"
#include "nodes/diffusion/noise_schedule.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class PredictionTarget final : public Map {
 public:
  explicit PredictionTarget(Setup& setup)
      : schedule_(setup.resource<NoiseSchedule>("diffusion")),
        x0_(setup.input("x0")),
        noise_(setup.input("noise")),
        t_(setup.input("t")),
        target_(setup.output("target")),
        images_(target_.spec.shape[0]),
        each_(count_of(target_.spec.shape) / images_) {
    setup.backward_reads(t_);
  }

  void forward(Call& call) const override {
    const float *x0 = call.in<float>(x0_), *noise = call.in<float>(noise_), *t = call.in<float>(t_);
    float* target = call.out<float>(target_);
    for (std::int64_t n = 0; n < images_; ++n) {
      const auto [image, noisy] = shares(t[n]);
      kernels::axpby(image, x0 + n * each_, noisy, noise + n * each_, target + n * each_, each_);
    }
  }

  // d(x0) = a * d(target), d(noise) = b * d(target); a, b: the shares of x0 and noise in the target
  void backward(Call& call) const override {
    const float *t = call.in<float>(t_), *dtarget = static_cast<const float*>(call.d(target_));
    float *dx0 = static_cast<float*>(call.d(x0_)), *dnoise = static_cast<float*>(call.d(noise_));
    for (std::int64_t n = 0; n < images_; ++n) {
      const auto [image, noisy] = shares(t[n]);
      if (dx0) kernels::scale(image, dtarget + n * each_, dx0 + n * each_, each_);
      if (dnoise) kernels::scale(noisy, dtarget + n * each_, dnoise + n * each_, each_);
    }
  }

 private:
  struct Shares {
    float image, noise;
  };
  Shares shares(float t) const {
    const double alpha_bar = schedule_.alpha_bar(schedule_.index(t));
    switch (schedule_.prediction()) {
      case Prediction::epsilon:
        return {0, 1};
      case Prediction::sample:
        return {1, 0};
      case Prediction::v:
        break;
    }
    return {static_cast<float>(-std::sqrt(1 - alpha_bar)), static_cast<float>(std::sqrt(alpha_bar))};
  }

  const NoiseSchedule& schedule_;
  Input x0_, noise_, t_;
  Output target_;
  std::int64_t images_, each_;  // each: numbers of one image
};

}  // namespace

NodeType prediction_target() {
  return {.name = "prediction_target",
          .summary = "What the model is to predict: the noise, the clean image or v.",
          .inputs = {{"x0", "[N,...] f32", "clean images in [-1,1]"},
                     {"noise", "[N,...] f32", "the noise that was added to them"},
                     {"t", "[N] f32", "timestep of each image"}},
          .outputs = {{"target", "[N,...] f32", "what `prediction` in the section `diffusion` names"}},
          .differentiable = true,
          .create = make_node<PredictionTarget>};
}

}  // namespace dagfusion
