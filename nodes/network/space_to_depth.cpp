// space_to_depth: halves height and width; the four pixels of each square become four channels.
// Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution", arXiv:1609.05158, eq. 4, the other way round.
//
//   y[n, 4c + 2a + b, i, j] = x[n, c, 2i + a, 2j + b],  a, b = 0, 1 ;  dx likewise from dy
//
// x: [N,C,H,W] with H and W even; y: [N,4C,H/2,W/2].

#include <fmt/format.h>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class SpaceToDepth final : public DifferentiableMap {
 public:
  explicit SpaceToDepth(Setup& setup) : x_(setup.input("x")) {
    const Shape& s = x_.spec.shape;
    if (s[2] % 2 != 0 || s[3] % 2 != 0)
      setup.fail_at_input(
          "x", fmt::format("'x' is {}, which cannot be halved; height and width must be even", to_string(s)));
    planes_ = s[0] * s[1];
    height_ = s[2] / 2;
    width_ = s[3] / 2;
    y_ = setup.output("y", {s[0], 4 * s[1], height_, width_});
  }

  void forward(Call& call) const override {
    const float* x = call.in<float>(x_);
    float* y = call.out<float>(y_);
    for_pixels([&](std::int64_t of_x, std::int64_t of_y) { y[of_y] = x[of_x]; });
  }

  void backward(Call& call) const override {
    float* dx = call.d<float>(x_);
    if (!dx) return;
    const float* dy = call.d<float>(y_);
    for_pixels([&](std::int64_t of_x, std::int64_t of_y) { dx[of_x] = dy[of_y]; });
  }

 private:
  // f(place in x, place in y)
  template <class F>
  void for_pixels(const F& f) const {
    std::int64_t at = 0;
    for (std::int64_t plane = 0; plane < planes_; ++plane)
      for (std::int64_t corner = 0; corner < 4; ++corner)
        for (std::int64_t i = 0; i < height_; ++i) {
          const std::int64_t row = (plane * height_ + i) * 2 + corner / 2;
          for (std::int64_t j = 0; j < width_; ++j) f((row * width_ + j) * 2 + corner % 2, at++);
        }
  }

  Input x_;
  Output y_;
  std::int64_t planes_ = 0, height_ = 0, width_ = 0;  // of y
};

}  // namespace

NodeType space_to_depth() {
  return {.name = "space_to_depth",
          .summary = "Halves height and width; the four pixels of each square become four channels.",
          .stands_for = {"downsampling"},
          .paper = "Shi et al. 2016, arXiv:1609.05158, eq. 4",
          .example = "{type: space_to_depth, in: x}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] f32", "height and width even"}},
          .outputs = {{"y", "[N,D,h,w] f32", "four times the channels, half as high and wide"}},
          .create = make_node<SpaceToDepth>};
}

}  // namespace dagfusion
