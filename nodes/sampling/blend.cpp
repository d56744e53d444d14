// blend: one image where a mask is 1, the other where it is 0.
// Lugmayr et al. 2022, "RePaint: Inpainting using Denoising Diffusion Probabilistic Models", arXiv:2201.09865, eq. 8c.
//
//   y = mask * a + (1 - mask) * b
//
// a, b, y: [N,...]; mask: [N,...] of the same shape, in [0,1].
#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class Blend final : public Map {
 public:
  explicit Blend(Setup& setup)
      : a_(setup.input("a")), b_(setup.input("b")), mask_(setup.input("mask")), y_(setup.output("y")) {}

  void forward(Call& call) const override {
    const float *a = call.in<float>(a_), *b = call.in<float>(b_), *mask = call.in<float>(mask_);
    float* y = call.out<float>(y_);
    const std::int64_t count = count_of(y_.spec.shape);
    for (std::int64_t i = 0; i < count; ++i) y[i] = mask[i] * a[i] + (1 - mask[i]) * b[i];
  }

 private:
  Input a_, b_, mask_;
  Output y_;
};

}  // namespace

NodeType blend() {
  return {.name = "blend",
          .summary = "One image where a mask is 1, the other where it is 0.",
          .paper = "Lugmayr et al. 2022, arXiv:2201.09865, eq. 8c",
          .example = "{type: blend, in: {a: known, b: x, mask: mask}}",
          .inputs = {{"a", "[N,...] f32", "where the mask is 1"},
                     {"b", "[N,...] f32", "where the mask is 0"},
                     {"mask", "[N,...] f32", "shares of a, in [0,1]"}},
          .outputs = {{"y", "[N,...] f32", "both"}},
          .create = make_node<Blend>};
}

}  // namespace dagfusion
