// huber_loss: squared error where the prediction is near its target, absolute error where it is far.
// Huber 1964, "Robust Estimation of a Location Parameter", doi:10.1214/aoms/1177703732; PyTorch's huber_loss.
//
//   error(e) = e^2 / 2                      where |e| <= delta ;  d(error) = e
//            = delta * (|e| - delta / 2)    elsewhere          ;  d(error) = delta * sign(e)
//
// Twice this loss is mse_loss as long as no error exceeds delta. Shapes, means and gradients:
// nodes/diffusion/per_image_loss.h.

#include "graph/types/catalog.h"
#include "nodes/diffusion/per_image_loss.h"

namespace dagfusion {
namespace {

class Huber {
 public:
  explicit Huber(Setup& setup) : delta_(static_cast<float>(setup.real("delta"))) {}

  double sum(const float* prediction, const float* target, std::int64_t count) const {
    double all = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const double e = std::fabs(double(prediction[i]) - double(target[i]));
      all += e <= delta_ ? 0.5 * e * e : delta_ * (e - 0.5 * delta_);
    }
    return all;
  }

  void backward(double scale, const float* prediction, const float* target, float* dprediction,
                std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i)
      dprediction[i] = static_cast<float>(scale) * std::clamp(prediction[i] - target[i], -delta_, delta_);
  }

 private:
  float delta_;
};

}  // namespace

NodeType huber_loss() {
  NodeType type = per_image_loss<Huber>(
      "huber_loss", "Squared error where the prediction is near its target, absolute error where it is far.",
      {{.name = "delta",
        .kind = Kind::real,
        .doc = "error up to which it is squared",
        .standard = 1.0,
        .minimum = 0,
        .maximum = 1e6,
        .above_minimum = true}});
  type.paper = "Huber 1964, doi:10.1214/aoms/1177703732";
  return type;
}

}  // namespace dagfusion
