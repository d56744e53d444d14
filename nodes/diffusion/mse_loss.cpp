// mse_loss: mean squared error between the model's prediction and its target.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 14 (L_simple).
//
//   error(e) = e^2 ;  d(error) = 2 * e
//
// Shapes, means and gradients: nodes/diffusion/per_image_loss.h.

#include "graph/types/catalog.h"
#include "nodes/diffusion/per_image_loss.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

struct Squared {
  explicit Squared(Setup&) {}
  double sum(const float* prediction, const float* target, std::int64_t count) const {
    return kernels::sum_of_squared_differences(prediction, target, count);
  }
  void backward(double scale, const float* prediction, const float* target, float* dprediction,
                std::int64_t count) const {
    kernels::squared_difference_backward(static_cast<float>(2 * scale), prediction, target, dprediction,
                                         count);
  }
};

}  // namespace

NodeType mse_loss() {
  NodeType type = per_image_loss<Squared>(
      "mse_loss", "Mean squared error between the model's prediction and its target.");
  type.paper = "Ho et al. 2020, arXiv:2006.11239, eq. 14";
  return type;
}

}  // namespace dagfusion
