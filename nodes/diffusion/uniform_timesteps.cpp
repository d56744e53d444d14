// uniform_timesteps: draws a timestep for each image, every one of the schedule as likely as any other.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, algorithm 1 line 3.
//
//   t ~ Uniform{0, …, T - 1}
//
// like: [N,...], only N counts; t: [N], whole numbers, 0 = least noise.
#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_schedule.h"

namespace dagfusion {
namespace {

class UniformTimesteps final : public Map {
 public:
  explicit UniformTimesteps(Setup& setup)
      : timesteps_(setup.resource<NoiseSchedule>("diffusion").timesteps()) {
    const Input like = setup.input("like");
    t_ = setup.output("t", {like.spec.shape[0]});
  }

  void forward(Call& call) const override {
    float* t = call.out<float>(t_);
    for (int i = 0; i < t_.spec.shape[0]; ++i) {
      const Philox4 words = call.random(i).block(0);
      t[i] = static_cast<float>(below(timesteps_, std::uint64_t{words[1]} << 32 | words[0]));
    }
  }

 private:
  int timesteps_;
  Output t_;
};

}  // namespace

NodeType uniform_timesteps() {
  return {.name = "uniform_timesteps",
          .summary = "Draws a timestep for each image, all of them equally likely.",
          .stands_for = {"timesteps"},
          .paper = "Ho et al. 2020, arXiv:2006.11239, algorithm 1",
          .example = "{type: uniform_timesteps, in: x0}",
          .inputs = {{"like", "[N,...] any free", "anything that has a value for each image"}},
          .outputs = {{"t", "[N] f32", "timestep of each image, 0 = least noise"}},
          .create = make_node<UniformTimesteps>};
}

}  // namespace dagfusion
