#include "nodes/sampling/denoising_step.h"

#include <fmt/format.h>

#include <stdexcept>

namespace dagfusion {

DenoisingStep::DenoisingStep(Setup& setup)
    : schedule_(setup.resource<NoiseSchedule>("diffusion")),
      x_(setup.input("x")),
      prediction_(setup.input("prediction")),
      t_(setup.input("t")),
      t_prev_(setup.input("t_prev")),
      prev_(setup.output("prev")),
      x0_(setup.output("x0")),
      images_(static_cast<int>(x_.spec.shape[0])),
      each_(static_cast<std::size_t>(count_of(x_.spec.shape) / images_)),
      clips_(setup.flag("clip")),
      range_(setup.real("clip_range")) {}

std::vector<Port> DenoisingStep::inputs() {
  return {{"x", "[N,...] f32", "images with the noise of t"},
          {"prediction", "[N,...] f32", "what the model gave for them"},
          {"t", "[N] f32", "timestep of each image before the step"},
          {"t_prev", "[N] f32", "timestep of each image after the step, -1 = clean"}};
}

std::vector<Port> DenoisingStep::outputs() {
  return {{"prev", "[N,...] f32", "images with the noise of t_prev"},
          {"x0", "[N,...] f32", "the clean images that the prediction stands for"}};
}

std::vector<Parameter> DenoisingStep::parameters() {
  return {{.name = "clip",
           .kind = Kind::boolean,
           .doc = "keep the predicted clean image within the range that images have",
           .standard = true},
          {.name = "clip_range",
           .kind = Kind::real,
           .doc = "largest magnitude of a clean image",
           .standard = 1.0,
           .minimum = 0,
           .above_minimum = true}};
}

DenoisingStep::Image DenoisingStep::image(const Call& call, int n) const {
  const int t = schedule_.index(call.in<float>(t_)[n]),
            t_prev = schedule_.index(call.in<float>(t_prev_)[n], -1);
  if (t_prev >= t)
    throw std::runtime_error(
        fmt::format("t_prev is {}, which is not below t = {}; a step takes noise away", t_prev, t));
  const std::size_t start = static_cast<std::size_t>(n) * each_;
  return {.x = call.in<float>(x_) + start,
          .prediction = call.in<float>(prediction_) + start,
          .prev = call.out<float>(prev_) + start,
          .x0 = call.out<float>(x0_) + start,
          .alpha_bar = schedule_.alpha_bar(t),
          .alpha_bar_prev = schedule_.alpha_bar(t_prev),
          .last = t_prev < 0,
          .weights = schedule_.clean_image(t)};
}

}  // namespace dagfusion
