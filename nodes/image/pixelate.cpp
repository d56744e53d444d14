// pixelate: images in squares of one colour each: what a lower resolution leaves of them, at their size.
// Saharia et al. 2021, "Image Super-Resolution via Iterative Refinement", arXiv:2104.07636 (the condition of such a model).
//
//   y = mean of x over the factor x factor square that a pixel lies in
//
// x, y: [N,C,H,W], H and W divisible by `factor`.
#include <fmt/format.h>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class Pixelate final : public Map {
 public:
  explicit Pixelate(Setup& setup)
      : x_(setup.input("x")), y_(setup.output("y")), factor_(setup.integer("factor")) {
    const Shape& shape = x_.spec.shape;
    if (shape[2] % factor_ != 0 || shape[3] % factor_ != 0)
      setup.fail_at("factor", fmt::format("'factor' is {}, which does not divide the sides of images {}",
                                          factor_, to_string(shape)));
  }

  void forward(Call& call) const override {
    const Shape& shape = x_.spec.shape;
    const std::int64_t width = shape[3], planes = shape[0] * shape[1];
    for (std::int64_t p = 0; p < planes; ++p)
      for (std::int64_t top = 0; top < shape[2]; top += factor_)
        for (std::int64_t left = 0; left < width; left += factor_) {
          const std::int64_t corner = (p * shape[2] + top) * width + left;
          fill(call.out<float>(y_) + corner, width, mean(call.in<float>(x_) + corner, width));
        }
  }

 private:
  float mean(const float* square, std::int64_t width) const {
    double sum = 0;
    for (std::int64_t y = 0; y < factor_; ++y)
      for (std::int64_t x = 0; x < factor_; ++x) sum += square[y * width + x];
    return static_cast<float>(sum / double(factor_ * factor_));
  }
  void fill(float* square, std::int64_t width, float value) const {
    for (std::int64_t y = 0; y < factor_; ++y)
      for (std::int64_t x = 0; x < factor_; ++x) square[y * width + x] = value;
  }

  Input x_;
  Output y_;
  std::int64_t factor_;
};

}  // namespace

NodeType pixelate() {
  return {.name = "pixelate",
          .summary = "Images in squares of one colour each: what a lower resolution leaves of them.",
          .paper = "Saharia et al. 2021, arXiv:2104.07636",
          .example = "{type: pixelate, in: x0, factor: 4}",
          .inputs = {{"x", "[N,C,H,W] f32", "images"}},
          .outputs = {{"y", "[N,C,H,W] f32", "the same, in squares"}},
          .parameters = {{.name = "factor",
                          .doc = "side of a square in pixels",
                          .standard = std::int64_t{4},
                          .minimum = 1,
                          .maximum = 1024}},
          .create = make_node<Pixelate>};
}

}  // namespace dagfusion
