#include "nodes/sampling/denoising_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "nodes/kernels/gaussian.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {

DenoisingStep::DenoisingStep(Setup& setup)
    : process_(setup.resource<NoiseProcess>("diffusion")),
      x_(setup.input("x")),
      prediction_(setup.input("prediction")),
      t_(setup.input("t")),
      t_prev_(setup.input("t_prev")),
      prev_(setup.output("prev")),
      x0_(setup.output("x0")),
      images_(static_cast<int>(x_.spec.shape[0])),
      each_(static_cast<std::size_t>(count_of(x_.spec.shape) / images_)),
      clips_(setup.flag("clip")),
      range_(setup.real("clip_range")),
      quantile_(setup.real("threshold")) {}

std::vector<Port> DenoisingStep::inputs(std::vector<Port> more) {
  std::vector<Port> all = {{"x", "[N,...] f32", "images with the noise of t"},
                           {"prediction", "[N,...] f32", "what the model gave for them"},
                           {"t", "[N] f32", "time of each image before the step"},
                           {"t_prev", "[N] f32", "time of each image after the step, less noisy or clean"}};
  for (Port& port : more) all.push_back(std::move(port));
  return all;
}

std::vector<Port> DenoisingStep::outputs() {
  return {{"prev", "[N,...] f32", "images with the noise of t_prev"},
          {"x0", "[N,...] f32", "the clean images that the prediction stands for"}};
}

std::vector<Parameter> DenoisingStep::parameters(std::vector<Parameter> own) {
  own.push_back({.name = "clip",
                 .kind = Kind::boolean,
                 .doc = "keep the predicted clean image within the range that images have",
                 .standard = true});
  own.push_back({.name = "clip_range",
                 .kind = Kind::real,
                 .doc = "largest magnitude of a clean image",
                 .standard = 1.0,
                 .minimum = 0,
                 .above_minimum = true});
  own.push_back(
      {.name = "threshold",
       .kind = Kind::real,
       .doc = "dynamic thresholding (Saharia et al. 2022, arXiv:2205.11487, section 2.3): clip at this "
              "quantile of the image's magnitudes, such as 0.995, where it lies above clip_range, and "
              "scale back to clip_range; 0 = plain clipping",
       .standard = 0.0,
       .minimum = 0,
       .maximum = 1});
  return own;
}

namespace {

// As NumPy and PyTorch take it: between two values that are in the list, a straight line.
double quantile(std::vector<float>& values, double share) {
  const double place = share * static_cast<double>(values.size() - 1);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(values.begin(), at, values.end());
  const double low = *at, high = at + 1 == values.end() ? low : *std::min_element(at + 1, values.end());
  return low + (place - std::floor(place)) * (high - low);
}

}  // namespace

DenoisingStep::CleanImage DenoisingStep::clean_image(const float* x, const float* prediction,
                                                     NoiseLevel level) const {
  CleanImage made{.weights = process_.prediction().clean_image(level),
                  .limit = std::numeric_limits<double>::infinity(),
                  .scale = 1};
  if (!clips_) return made;
  made.limit = range_;
  if (quantile_ == 0) return made;
  thread_local std::vector<float> magnitudes;
  magnitudes.resize(each_);
  for (std::size_t i = 0; i < each_; ++i)
    magnitudes[i] = static_cast<float>(std::fabs(made.raw(x[i], prediction[i])));
  made.limit = std::max(range_, quantile(magnitudes, quantile_));
  made.scale = range_ / made.limit;
  return made;
}

// Where noise is larger than images, a loop that starts from too little of it would only draw nonsense.
void DenoisingStep::refuse_too_little_noise(const float* x, NoiseLevel level, double t) const {
  constexpr double kFarAboveImages = 2, kTooLittle = 0.5;
  if (level.sigma <= kFarAboveImages) return;
  const double size = std::sqrt(kernels::sum_of_squares(x, each_) / static_cast<double>(each_));
  if (size < kTooLittle * level.sigma)
    throw std::runtime_error(fmt::format(
        "x has the deviation {:.3g}, where images with the noise of t = {:.4g} have {:.3g} or more; "
        "prior_noise draws what 'process' {} starts from",
        size, t, level.sigma, process_.name()));
}

DenoisingStep::Image DenoisingStep::image(const Call& call, int n) const {
  const double t = process_.time(call.in<float>(t_)[n]),
               t_prev = process_.time_or_clean(call.in<float>(t_prev_)[n]);
  if (t_prev >= t)
    throw std::runtime_error(
        fmt::format("t_prev is {}, which is not below t = {}; a step takes noise away", t_prev, t));
  const std::size_t start = static_cast<std::size_t>(n) * each_;
  const float *x = call.in<float>(x_) + start, *prediction = call.in<float>(prediction_) + start;
  const NoiseLevel from = process_.level(t);
  if (call.iteration() == 0 && n < call.valid()) refuse_too_little_noise(x, from, t);
  const Image image{.x = x,
                    .prediction = prediction,
                    .prev = call.out<float>(prev_) + start,
                    .x0 = call.out<float>(x0_) + start,
                    .t = t,
                    .t_prev = t_prev,
                    .from = from,
                    .to = process_.level(t_prev),
                    .last = t_prev == process_.clean(),
                    .clean = clean_image(x, prediction, from)};
  for (std::size_t i = 0; i < each_; ++i) image.x0[i] = static_cast<float>(image.clean(x[i], prediction[i]));
  return image;
}

void DenoisingStep::mix(const Call& call, int n, const Image& image, double of_x, double of_x0,
                        double of_noise) const {
  if (of_noise > 0) kernels::gaussian(call.random(n), image.prev, each_);
  for (std::size_t i = 0; i < each_; ++i) {
    const double z = of_noise > 0 ? image.prev[i] : 0;
    image.prev[i] = static_cast<float>(of_x * image.x[i] + of_x0 * image.x0[i] + of_noise * z);
  }
}

}  // namespace dagfusion
