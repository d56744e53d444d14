// cutout: covers a square at a random place of every image.
// DeVries and Taylor 2017, "Improved Regularization of Convolutional Neural Networks with Cutout", arXiv:1708.04552, section 3.
//
//   the square's middle is any pixel, each as likely; what reaches beyond the image is cut off
//
// x, y: [N,C,H,W].

#include <algorithm>
#include <opencv2/core.hpp>

#include "nodes/image/augmentation.h"

namespace dagfusion {
namespace {

class Cutout final : public Map {
 public:
  explicit Cutout(Setup& setup)
      : size_(static_cast<int>(setup.integer("size"))),
        fill_(static_cast<double>(setup.integer("fill"))),
        probability_(setup.real("probability")),
        x_(setup.input("x")),
        y_(setup.output("y")) {}

  void forward(Call& call) const override {
    const Shape& shape = x_.spec.shape;
    const int height = static_cast<int>(shape[2]), width = static_cast<int>(shape[3]);
    auto* y = call.out<std::uint8_t>(y_);
    std::copy_n(call.in<std::uint8_t>(x_), x_.spec.stored_elements(), y);
    for (int n = 0; n < shape[0]; ++n, y += shape[1] * height * width) {
      Draws draws(call.random(n));
      if (!draws.happens(probability_)) continue;
      const int left = static_cast<int>(draws.whole(width)) - size_ / 2;
      const int top = static_cast<int>(draws.whole(height)) - size_ / 2;
      const cv::Rect square = cv::Rect(left, top, size_, size_) & cv::Rect(0, 0, width, height);
      for (std::int64_t c = 0; c < shape[1]; ++c) plane(y, c, height, width)(square).setTo(fill_);
    }
  }

 private:
  int size_;
  double fill_, probability_;
  Input x_;
  Output y_;
};

}  // namespace

NodeType cutout() {
  return {.name = "cutout",
          .summary = "Covers a square at a random place of every image.",
          .stands_for = {"augmentation"},
          .paper = "DeVries and Taylor 2017, arXiv:1708.04552, section 3",
          .example = "{type: cutout, in: images, size: 8}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] u8", "images"}},
          .outputs = {{"y", "[N,C,H,W] u8", "the same with a square covered"}},
          .parameters = {{.name = "size",
                          .kind = Kind::integer,
                          .doc = "side of the square in pixels",
                          .required = true,
                          .minimum = 1,
                          .maximum = 65536},
                         {.name = "fill",
                          .kind = Kind::integer,
                          .doc = "grey level of the square, 0 … 255",
                          .standard = std::int64_t{0},
                          .minimum = 0,
                          .maximum = 255},
                         {.name = "probability",
                          .kind = Kind::real,
                          .doc = "how likely an image is covered",
                          .standard = 1.0,
                          .minimum = 0,
                          .maximum = 1}},
          .create = make_node<Cutout>};
}

}  // namespace dagfusion
