// prior_noise: pure noise, where sampling starts: as large as images are at the noise process's last time.
//
//   x_T ~ N(0, s^2), s = 1, or sigma_max where noise is added to images that keep their size (ve, edm)
//
// like: [N,...], only N counts; x: [N,C,H,W] of the model's images, or with other channels for a model that also sees
// a condition behind them.
// Image k's noise depends on the seed, this node's stream and k alone, however many images there are.
#include <optional>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"
#include "nodes/kernels/gaussian.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class PriorNoise final : public Map {
 public:
  explicit PriorNoise(Setup& setup)
      : spread_(static_cast<float>(setup.resource<NoiseProcess>("diffusion").largest_noise())) {
    const Shape image = setup.model_input();
    Shape shape = {setup.input("like").spec.shape[0]};
    shape.insert(shape.end(), image.begin(), image.end());
    if (setup.has("channels")) shape[1] = setup.integer("channels");
    if (setup.has("of")) of_ = static_cast<std::uint64_t>(setup.integer("of"));
    x_ = setup.output("x", shape);
    each_ = count_of(shape) / shape[0];
  }

  void forward(Call& call) const override {
    float* x = call.out<float>(x_);
    for (int i = 0; i < x_.spec.shape[0]; ++i, x += each_) {
      RandomStream stream = call.random(i);
      stream.image = of_.value_or(stream.image);
      kernels::gaussian(stream, x, each_);
      if (spread_ != 1) kernels::scale(spread_, x, x, each_);
    }
  }

 private:
  float spread_;
  std::optional<std::uint64_t> of_;
  Output x_;
  std::size_t each_;  // numbers of one image
};

}  // namespace

NodeType prior_noise() {
  return {.name = "prior_noise",
          .summary = "Pure noise, where sampling starts: as large as the noise process ends with.",
          .stands_for = {"noise"},
          .example = "{type: prior_noise, in: number}",
          .inputs = {{"like", "[N,...] any free", "what the noise is for; only the number of images counts"}},
          .outputs = {{"x", "[N,...] f32",
                       "mean 0, deviation 1 or sigma_max; of the size of the model's images"}},
          .parameters = {{.name = "of",
                          .doc = "the noise of this image for all; each has its own when not given",
                          .minimum = 0},
                         {.name = "channels",
                          .doc = "of the images; as many as the model takes when not given",
                          .minimum = 1,
                          .maximum = 4096}},
          .create = make_node<PriorNoise>};
}

}  // namespace dagfusion
