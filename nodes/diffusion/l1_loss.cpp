// l1_loss: mean of the absolute difference between prediction and target.
//
//   error(e) = |e| ;  d(error) = sign(e), 0 at 0
//
// Shapes, means and gradients: nodes/diffusion/per_image_loss.h.
#include "nodes/diffusion/per_image_loss.h"

namespace dagfusion {
namespace {

class Absolute {
 public:
  explicit Absolute(Setup&) {}

  double sum(const float* prediction, const float* target, std::int64_t count) const {
    double all = 0;
    for (std::int64_t i = 0; i < count; ++i) all += std::fabs(double(prediction[i]) - double(target[i]));
    return all;
  }

  void backward(double scale, const float* prediction, const float* target, float* dprediction,
                std::int64_t count) const {
    const float s = static_cast<float>(scale);
    for (std::int64_t i = 0; i < count; ++i) {
      const float e = prediction[i] - target[i];
      dprediction[i] = e > 0 ? s : e < 0 ? -s : 0;
    }
  }
};

}  // namespace

NodeType l1_loss() {
  return per_image_loss<Absolute>("l1_loss",
                                  "Mean of the absolute difference between prediction and target.");
}

}  // namespace dagfusion
