// random_vertical_flip: turns every image upside down with a given probability, each by its own throw.
//
// in, out: [N,C,H,W]; out[n,c,y,x] = in[n,c,H-1-y,x] when image n is flipped.

#include <algorithm>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class RandomVerticalFlip final : public Map {
 public:
  explicit RandomVerticalFlip(Setup& setup)
      : probability_(setup.real("probability")), x_(setup.input("x")), y_(setup.output("y")) {}

  void forward(Call& call) const override {
    const Shape& shape = x_.spec.shape;
    const std::int64_t height = shape[2], width = shape[3];
    const auto* x = call.in<std::uint8_t>(x_);
    auto* y = call.out<std::uint8_t>(y_);
    for (int image = 0; image < shape[0]; ++image) {
      const bool flip = uniform01(call.random(image).block(0)[0]) < probability_;
      for (std::int64_t c = 0; c < shape[1]; ++c, x += height * width)
        for (std::int64_t row = 0; row < height; ++row, y += width)
          std::copy_n(x + (flip ? height - 1 - row : row) * width, width, y);
    }
  }

 private:
  double probability_;
  Input x_;
  Output y_;
};

}  // namespace

NodeType random_vertical_flip() {
  return {.name = "random_vertical_flip",
          .summary = "Turns every image upside down with a given probability.",
          .stands_for = {"augmentation"},
          .example = "{type: random_vertical_flip, in: images, probability: 0.5}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] u8", "images"}},
          .outputs = {{"y", "[N,C,H,W] u8", "the same, some of them upside down"}},
          .parameters = {{.name = "probability",
                          .kind = Kind::real,
                          .doc = "how likely an image is turned",
                          .standard = 0.5,
                          .minimum = 0,
                          .maximum = 1}},
          .create = make_node<RandomVerticalFlip>};
}

}  // namespace dagfusion
