// clean_image: the clean image that the model's prediction for a noisy one stands for.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 15, for epsilon; for the others
// nodes/diffusion/prediction.h.
//
//   x0 = a(t) * x + b(t) * prediction, clipped to [-clip_range, clip_range]
//   d(x) = a(t) * d(x0), d(prediction) = b(t) * d(x0), 0 where it was clipped
//
// x, prediction, x0: [N,...]; t: [N], a time of the section `diffusion`.
#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"

namespace dagfusion {
namespace {

class CleanImage final : public DifferentiableMap {
 public:
  explicit CleanImage(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        x_(setup.input("x")),
        prediction_(setup.input("prediction")),
        t_(setup.input("t")),
        x0_(setup.output("x0")),
        images_(static_cast<int>(x_.spec.shape[0])),
        each_(static_cast<std::size_t>(count_of(x_.spec.shape) / images_)),
        limit_(setup.flag("clip") ? setup.real("clip_range") : std::numeric_limits<double>::infinity()) {
    for (const Input& read : {x_, prediction_, t_}) setup.backward_reads(read);
  }

  void forward(Call& call) const override {
    const float *x = call.in<float>(x_), *prediction = call.in<float>(prediction_);
    float* x0 = call.out<float>(x0_);
    for (int n = 0; n < images_; ++n) {
      const auto [of_x, of_prediction] = shares(call, n);
      for (std::size_t i = n * each_; i < (n + 1) * each_; ++i)
        x0[i] = static_cast<float>(std::clamp(of_x * x[i] + of_prediction * prediction[i], -limit_, limit_));
    }
  }

  void backward(Call& call) const override {
    const float *x = call.in<float>(x_), *prediction = call.in<float>(prediction_), *dx0 = call.d<float>(x0_);
    float *dx = call.d<float>(x_), *dprediction = call.d<float>(prediction_);
    for (int n = 0; n < images_; ++n) {
      const auto [of_x, of_prediction] = shares(call, n);
      for (std::size_t i = n * each_; i < (n + 1) * each_; ++i) {
        const bool kept = std::fabs(of_x * x[i] + of_prediction * prediction[i]) <= limit_;
        if (dx) dx[i] = kept ? static_cast<float>(of_x * dx0[i]) : 0;
        if (dprediction) dprediction[i] = kept ? static_cast<float>(of_prediction * dx0[i]) : 0;
      }
    }
  }

 private:
  PredictionKind::CleanImage shares(const Call& call, int n) const {
    return process_.prediction().clean_image(process_.level(process_.time(call.in<float>(t_)[n])));
  }

  const NoiseProcess& process_;
  Input x_, prediction_, t_;
  Output x0_;
  int images_;
  std::size_t each_;  // numbers of one image
  double limit_;
};

}  // namespace

NodeType clean_image() {
  return {.name = "clean_image",
          .summary = "The clean image that the model's prediction for a noisy one stands for.",
          .paper = "Ho et al. 2020, arXiv:2006.11239, eq. 15",
          .example = "{type: clean_image, in: {x: xt, prediction: out, t: t}}",
          .inputs = {{"x", "[N,...] f32", "noisy images"},
                     {"prediction", "[N,...] f32", "what the model gave for them"},
                     {"t", "[N] f32", "time of each image"}},
          .outputs = {{"x0", "[N,...] f32", "clean images"}},
          .parameters = {{.name = "clip",
                          .kind = Kind::boolean,
                          .doc = "keep it within the range that images have",
                          .standard = true},
                         {.name = "clip_range",
                          .kind = Kind::real,
                          .doc = "largest magnitude of a clean image",
                          .standard = 1.0,
                          .minimum = 0,
                          .above_minimum = true}},
          .create = make_node<CleanImage>};
}

}  // namespace dagfusion
