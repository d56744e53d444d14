// What every sampler's step does first: from a noisy image and the model's prediction to the clean image that
// they stand for, kept within the range that images have.
#pragma once

#include <algorithm>
#include <vector>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"

namespace dagfusion {

class DenoisingStep {
 public:
  explicit DenoisingStep(Setup&);

  static std::vector<Port> inputs(std::vector<Port> more = {});
  static std::vector<Port> outputs();
  static std::vector<Parameter> parameters(std::vector<Parameter> own = {});  // after those of one sampler

  // The clean image that a prediction stands for, number by number: clipped, or thresholded.
  struct CleanImage {
    PredictionKind::CleanImage weights;
    double limit, scale;
    double raw(float x, float prediction) const {
      return weights.from_x * x + weights.from_prediction * prediction;
    }
    double operator()(float x, float prediction) const {
      return std::clamp(raw(x, prediction), -limit, limit) * scale;
    }
  };
  CleanImage clean_image(const float* x, const float* prediction, NoiseLevel) const;

  // One image of a frame, on its way from time t to the cleaner t_prev.
  struct Image {
    const float *x, *prediction;
    float *prev, *x0;  // prev is to be written, x0 is
    double t, t_prev;
    NoiseLevel from, to;
    bool last;  // t_prev is the clean image
    CleanImage clean;

    // The noise in x beside a clean image.
    double noise(std::size_t i, double x0_i) const { return (x[i] - from.alpha * x0_i) / from.sigma; }
  };
  Image image(const Call&, int n) const;  // throws when t_prev is not cleaner than t

  const NoiseProcess& process() const { return process_; }
  int images() const { return images_; }
  std::size_t each() const { return each_; }  // numbers of one image

  // prev = of_x * x + of_x0 * x0 + of_noise * z, z ~ N(0, 1) of the image's own random stream.
  void mix(const Call&, int n, const Image&, double of_x, double of_x0, double of_noise) const;

 private:
  void refuse_too_little_noise(const float* x, NoiseLevel, double t) const;

  const NoiseProcess& process_;
  Input x_, prediction_, t_, t_prev_;
  Output prev_, x0_;
  int images_;
  std::size_t each_;
  bool clips_;
  double range_, quantile_;
};

}  // namespace dagfusion
