// offset_noise: adds one more number to all pixels of each channel of the noise, so that models learn to draw images
// that are darker or brighter as a whole.
// Guttenberg 2023, "Diffusion with Offset Noise", crosslabs.org; as an option of training in many systems.
//
//   noise'[n,c,h,w] = noise[n,c,h,w] + strength * z[n,c],  z ~ N(0, 1)
//
// noise: [N,C,...], out: the same. The variance becomes 1 + strength^2. z is drawn from this node's own stream.
#include "graph/types/catalog.h"
#include "nodes/kernels/gaussian.h"

namespace dagfusion {
namespace {

class OffsetNoise final : public Map {
 public:
  explicit OffsetNoise(Setup& setup)
      : noise_(setup.input("noise")),
        out_(setup.output("out")),
        strength_(static_cast<float>(setup.real("strength"))) {
    const Shape& shape = noise_.spec.shape;
    channels_ = static_cast<std::size_t>(shape[1]);
    pixels_ = static_cast<std::size_t>(count_of(shape)) / static_cast<std::size_t>(shape[0]) / channels_;
  }

  void forward(Call& call) const override {
    const float* noise = call.in<float>(noise_);
    float* out = call.out<float>(out_);
    std::vector<float> offsets(channels_);
    for (int n = 0; n < noise_.spec.shape[0]; ++n) {
      kernels::gaussian(call.random(n), offsets.data(), channels_);
      for (const float offset : offsets)
        for (std::size_t p = 0; p < pixels_; ++p) *out++ = *noise++ + strength_ * offset;
    }
  }

 private:
  Input noise_;
  Output out_;
  float strength_;
  std::size_t channels_, pixels_;
};

}  // namespace

NodeType offset_noise() {
  return {.name = "offset_noise",
          .summary = "Adds one random number to all pixels of each channel of the noise.",
          .paper = "Guttenberg 2023, Diffusion with Offset Noise, crosslabs.org",
          .example = "{type: offset_noise, in: noise, strength: 0.1}",
          .inputs = {{"noise", "[N,C,H,W] f32", "standard Gaussian"}},
          .outputs = {{"out", "[N,C,H,W] f32", "the noise, each channel of each image moved as a whole"}},
          .parameters = {{.name = "strength",
                          .kind = Kind::real,
                          .doc = "standard deviation of what is added; 0.1 is usual",
                          .standard = 0.1,
                          .minimum = 0}},
          .create = make_node<OffsetNoise>};
}

}  // namespace dagfusion
