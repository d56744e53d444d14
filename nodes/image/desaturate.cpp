// desaturate: the brightness of colour images: the condition of a model that colours pictures.
// ITU-R BT.601, as OpenCV's COLOR_RGB2GRAY: y = 0.299 red + 0.587 green + 0.114 blue.
//
// x: [N,3,H,W], red, green, blue; y: [N,1,H,W]; both in the same range.
#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class Desaturate final : public Map {
 public:
  explicit Desaturate(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) {}

  void forward(Call& call) const override {
    const std::int64_t pixels = y_.spec.shape[2] * y_.spec.shape[3];
    for (std::int64_t n = 0; n < y_.spec.shape[0]; ++n) {
      const float *red = call.in<float>(x_) + 3 * n * pixels, *green = red + pixels, *blue = green + pixels;
      float* y = call.out<float>(y_) + n * pixels;
      for (std::int64_t i = 0; i < pixels; ++i) y[i] = 0.299f * red[i] + 0.587f * green[i] + 0.114f * blue[i];
    }
  }

 private:
  Input x_;
  Output y_;
};

}  // namespace

NodeType desaturate() {
  return {.name = "desaturate",
          .summary = "The brightness of colour images: the condition of a model that colours pictures.",
          .paper = "ITU 2011, BT.601-7, section 2.5.1",
          .example = "{type: desaturate, in: x0}",
          .inputs = {{"x", "[N,3,H,W] f32", "red, green and blue"}},
          .outputs = {{"y", "[N,1,H,W] f32", "grey: one channel"}},
          .create = make_node<Desaturate>};
}

}  // namespace dagfusion
