// charbonnier_loss: a smooth form of the absolute error,
// squared where the prediction is near its target.
// Charbonnier et al. 1994, doi:10.1109/ICIP.1994.413553,
// "Two deterministic half-quadratic regularization algorithms for computed imaging".
//
//   error(e) = sqrt(e^2 + epsilon^2) ;  d(error) = e / error(e)
//
// Shapes, means and gradients: nodes/diffusion/per_image_loss.h.

#include <graph/plugin.h>
#include <nodes/diffusion/per_image_loss.h>

namespace {

using namespace dagfusion;

class Charbonnier {
 public:
  explicit Charbonnier(Setup& setup) : squared_epsilon_(setup.real("epsilon") * setup.real("epsilon")) {}

  double sum(const float* prediction, const float* target, std::int64_t count) const {
    double all = 0;
    for (std::int64_t i = 0; i < count; ++i) all += error(prediction[i] - target[i]);
    return all;
  }

  void backward(double scale, const float* prediction, const float* target, float* dprediction,
                std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i) {
      const double e = prediction[i] - target[i];
      dprediction[i] = static_cast<float>(scale * e / error(e));
    }
  }

 private:
  double error(double e) const { return std::sqrt(e * e + squared_epsilon_); }

  double squared_epsilon_;
};

NodeType charbonnier_loss() {
  NodeType type = per_image_loss<Charbonnier>(
      "charbonnier_loss", "A smooth absolute error: squared where the prediction is near its target.",
      {{.name = "epsilon",
        .kind = Kind::real,
        .doc = "error up to which it is nearly squared",
        .standard = 0.001,
        .minimum = 0,
        .maximum = 1e3,
        .above_minimum = true}});
  type.paper = "Charbonnier et al. 1994, doi:10.1109/ICIP.1994.413553";
  return type;
}

}  // namespace

DAGFUSION_PLUGIN(catalog) { catalog.nodes = {charbonnier_loss()}; }
