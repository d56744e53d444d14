// dequantise: spreads numbers that came from bytes evenly over the gaps between them, so that they have a density.
// Theis et al. 2016, "A Note on the Evaluation of Generative Models", arXiv:1511.01844.
//
//   out = x + (u - 1/2) * 2 / (levels - 1),  u ~ Uniform[0,1);  bits = log2((levels - 1) / 2)
//
// x, out: [N,...], x in [-1,1] as to_signed gives it; bits: [N], per dimension: what is to be added to the bits of the density
// of out. Their sum is at least what the bytes themselves cost.
#include <cmath>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class Dequantise final : public Map {
 public:
  explicit Dequantise(Setup& setup)
      : gap_(static_cast<float>(2.0 / static_cast<double>(setup.integer("levels") - 1))),
        x_(setup.input("x")),
        out_(setup.output("out")),
        bits_(setup.output("bits")),
        each_(count_of(x_.spec.shape) / x_.spec.shape[0]) {}

  void forward(Call& call) const override {
    const float* x = call.in<float>(x_);
    float* out = call.out<float>(out_);
    std::fill_n(call.out<float>(bits_), bits_.spec.shape[0], -std::log2(gap_));
    for (int n = 0; n < x_.spec.shape[0]; ++n) {
      const RandomStream stream = call.random(n);
      Philox4 words{};
      for (std::int64_t i = 0; i < each_; ++i) {
        if (i % 4 == 0) words = stream.block(static_cast<std::uint32_t>(i / 4));
        *out++ = *x++ + gap_ * (uniform01(words[i % 4]) - 0.5f);
      }
    }
  }

 private:
  float gap_;
  Input x_;
  Output out_, bits_;
  std::int64_t each_;  // numbers of one image
};

}  // namespace

NodeType dequantise() {
  return {.name = "dequantise",
          .summary = "Spreads numbers that came from bytes evenly over the gaps between them.",
          .paper = "Theis et al. 2016, arXiv:1511.01844",
          .example = "{type: dequantise, in: x0}",
          .inputs = {{"x", "[N,...] f32", "images in [-1,1] that came from bytes"}},
          .outputs = {{"out", "[N,...] f32", "the same, and less than half a byte's step up or down"},
                      {"bits", "[N] f32", "bits per dimension of the step between two values"}},
          .parameters = {{.name = "levels",
                          .doc = "values that a number of an image can have in [-1,1]",
                          .standard = std::int64_t{256},
                          .minimum = 2}},
          .create = make_node<Dequantise>};
}

}  // namespace dagfusion
