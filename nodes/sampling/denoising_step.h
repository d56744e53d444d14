// What every sampler's step does first: from a noisy image and the model's prediction to the clean image that
// they stand for.
#pragma once

#include <algorithm>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_schedule.h"

namespace dagfusion {

class DenoisingStep {
 public:
  explicit DenoisingStep(Setup&);

  static std::vector<Port> inputs();
  static std::vector<Port> outputs();
  static std::vector<Parameter> parameters();

  // One image of a frame, on its way from timestep t to t_prev.
  struct Image {
    const float *x, *prediction;
    float *prev, *x0;  // to be written
    double alpha_bar, alpha_bar_prev;
    bool last;  // t_prev is the clean image
    NoiseSchedule::CleanImage weights;
  };
  Image image(const Call&, int n) const;  // throws when t_prev is not cleaner than t

  int images() const { return images_; }
  std::size_t each() const { return each_; }  // numbers of one image

  // Value i of the clean image, before clipping.
  double clean(const Image& image, std::size_t i) const {
    return image.weights.from_x * image.x[i] + image.weights.from_prediction * image.prediction[i];
  }
  double clip(double x0) const { return clips_ ? std::clamp(x0, -range_, range_) : x0; }

 private:
  const NoiseSchedule& schedule_;
  Input x_, prediction_, t_, t_prev_;
  Output prev_, x0_;
  int images_;
  std::size_t each_;
  bool clips_;
  double range_;
};

}  // namespace dagfusion
