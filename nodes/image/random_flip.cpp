// random_flip: mirrors every image left to right with a given probability, each by its own throw.
//
// in, out: [N,C,H,W]; out[n,c,y,x] = in[n,c,y,W-1-x] when image n is flipped.

#include <algorithm>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"

namespace dagfusion {
namespace {

class RandomFlip final : public Map {
 public:
  explicit RandomFlip(Setup& setup)
      : probability_(setup.real("probability")), x_(setup.input("x")), y_(setup.output("y")) {}

  void forward(Call& call) const override {
    const Shape& shape = x_.spec.shape;
    const std::int64_t rows = shape[1] * shape[2], width = shape[3];
    const auto* x = call.in<std::uint8_t>(x_);
    auto* y = call.out<std::uint8_t>(y_);
    for (int image = 0; image < shape[0]; ++image) {
      const bool flip = uniform01(call.random(image).block(0)[0]) < probability_;
      for (std::int64_t row = 0; row < rows; ++row, x += width, y += width)
        flip ? std::reverse_copy(x, x + width, y) : std::copy(x, x + width, y);
    }
  }

 private:
  double probability_;
  Input x_;
  Output y_;
};

}  // namespace

NodeType random_flip() {
  return {.name = "random_flip",
          .summary = "Mirrors every image left to right with a given probability.",
          .stands_for = {"augmentation"},
          .example = "{type: random_flip, in: images, probability: 0.5}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] u8", "images"}},
          .outputs = {{"y", "[N,C,H,W] u8", "the same, some of them mirrored"}},
          .parameters = {{.name = "probability",
                          .kind = Kind::real,
                          .doc = "how likely an image is mirrored",
                          .standard = 0.5,
                          .minimum = 0,
                          .maximum = 1}},
          .create = make_node<RandomFlip>};
}

}  // namespace dagfusion
