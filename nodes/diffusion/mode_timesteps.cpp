// mode_timesteps: draws times of a flow more often in the middle, by a distribution without thin tails.
// Esser et al. 2024, "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis", arXiv:2403.03206, eq. 20.
//
//   t = 1 - u - scale * (cos(pi u / 2)^2 - 1 + u), u ~ Uniform[0,1)
//
// On other processes: the time with the noise sigma / alpha = t / (1 - t).
// Shapes, pairing and shift: nodes/diffusion/time_draws.h.
#include <cmath>
#include <numbers>

#include "nodes/diffusion/time_draws.h"

namespace dagfusion {
namespace {

class ModeTimesteps final : public TimeDraws {
 public:
  explicit ModeTimesteps(Setup& setup) : TimeDraws(setup), scale_(setup.real("scale")) {}

 private:
  double time(double u) const override {
    const double t = 1 - u - scale_ * (std::pow(std::cos(std::numbers::pi * u / 2), 2) - 1 + u);
    return process().time_of(t / (1 - t));
  }

  double scale_;
};

}  // namespace

NodeType mode_timesteps() {
  NodeType type =
      TimeDraws::type("mode_timesteps", "Draws times of a flow more often in the middle than at its ends.",
                      {{.name = "scale",
                        .kind = Kind::real,
                        .doc = "how much more often: 0 = evenly",
                        .standard = 1.29,
                        .minimum = -1,
                        .maximum = 1.7519}});  // 2 / (pi - 2): t stays a falling function of u
  type.paper = "Esser et al. 2024, arXiv:2403.03206, eq. 20";
  type.create = make_node<ModeTimesteps>;
  return type;
}

}  // namespace dagfusion
