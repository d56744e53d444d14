// gaussian_noise: standard Gaussian noise, for each image from its own random stream.
//
//   noise ~ N(0, 1), independent
//
// like: [N,...], only its shape counts; noise: its shape, or [N,C,H,W] of the model's images.
// Image k's noise depends on the seed, this node's stream and k alone, however many images there are.
#include "graph/types/catalog.h"
#include "nodes/kernels/gaussian.h"

namespace dagfusion {
namespace {

class GaussianNoise final : public Map {
 public:
  explicit GaussianNoise(Setup& setup) {
    Shape shape = setup.input("like").spec.shape;
    if (setup.text("shape") == "model") {
      const Shape image = setup.model_input();
      shape.resize(1);
      shape.insert(shape.end(), image.begin(), image.end());
    }
    noise_ = setup.output("noise", shape);
    each_ = count_of(shape) / shape[0];
  }

  void forward(Call& call) const override {
    float* noise = call.out<float>(noise_);
    for (int i = 0; i < noise_.spec.shape[0]; ++i)
      kernels::gaussian(call.random(i), noise + i * each_, each_);
  }

 private:
  Output noise_;
  std::size_t each_;  // numbers of one image
};

}  // namespace

NodeType gaussian_noise() {
  return {.name = "gaussian_noise",
          .summary = "Standard Gaussian noise, for each image from its own random stream.",
          .stands_for = {"noise"},
          .example = "{type: gaussian_noise, in: x0}",
          .inputs = {{"like", "[N,...] any free", "what the noise is for; only its shape counts"}},
          .outputs = {{"noise", "[N,...] f32", "mean 0, variance 1"}},
          .parameters = {{.name = "shape",
                          .kind = Kind::choice,
                          .doc = "shape of the noise: that of the input, or that of the model's images",
                          .standard = std::string("input"),
                          .choices = {"input", "model"}}},
          .create = make_node<GaussianNoise>};
}

}  // namespace dagfusion
