// pseudo_huber_loss: a smooth bend from squared error near the target to absolute error far from it.
// Charbonnier et al. 1997, doi:10.1109/83.551699; for diffusion: Song, Dhariwal 2023, "Improved Techniques for Training
// Consistency Models", arXiv:2310.14189, eq. 8 (there of the norm of a whole image; here of each number).
//
//   error(e) = sqrt(e^2 + c^2) - c ;  d(error) = e / sqrt(e^2 + c^2)
//
// Shapes, means and gradients: nodes/diffusion/per_image_loss.h.
#include "nodes/diffusion/per_image_loss.h"

namespace dagfusion {
namespace {

class PseudoHuber {
 public:
  explicit PseudoHuber(Setup& setup) : c_(setup.real("c")) {}

  double sum(const float* prediction, const float* target, std::int64_t count) const {
    double all = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const double e = double(prediction[i]) - double(target[i]);
      all += std::sqrt(e * e + c_ * c_) - c_;
    }
    return all;
  }

  void backward(double scale, const float* prediction, const float* target, float* dprediction,
                std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i) {
      const double e = double(prediction[i]) - double(target[i]);
      dprediction[i] = static_cast<float>(scale * e / std::sqrt(e * e + c_ * c_));
    }
  }

 private:
  double c_;
};

}  // namespace

NodeType pseudo_huber_loss() {
  NodeType type = per_image_loss<PseudoHuber>(
      "pseudo_huber_loss", "A smooth bend from squared error near the target to absolute error far from it.",
      {{.name = "c",
        .kind = Kind::real,
        .doc = "where it bends: about the size of the error up to which it is squared",
        .standard = 0.1,
        .minimum = 0,
        .above_minimum = true}});
  type.paper = "Song, Dhariwal 2023, arXiv:2310.14189, eq. 8";
  return type;
}

}  // namespace dagfusion
