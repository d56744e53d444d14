// uniform_timesteps: draws a time for each image, evenly over those that the noise process has.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, algorithm 1 line 3.
//
//   discrete  t ~ Uniform{0, …, T - 1}        vp, flow  t ~ Uniform(0, 1]
//   ve, edm   ln t ~ Uniform(ln sigma_min, ln sigma_max)
//
// Shapes, pairing and shift: nodes/diffusion/time_draws.h.
#include "nodes/diffusion/time_draws.h"

namespace dagfusion {
namespace {

class UniformTimesteps final : public TimeDraws {
 public:
  explicit UniformTimesteps(Setup& setup) : TimeDraws(setup) {}

 private:
  double time(double u) const override { return process().at_share(u); }
};

}  // namespace

NodeType uniform_timesteps() {
  NodeType type = TimeDraws::type("uniform_timesteps",
                                  "Draws a time for each image, evenly over those of the noise process.");
  type.paper = "Ho et al. 2020, arXiv:2006.11239, algorithm 1";
  type.create = make_node<UniformTimesteps>;
  return type;
}

}  // namespace dagfusion
