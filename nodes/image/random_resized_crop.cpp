// random_resized_crop: cuts a part of random area and shape out of every image and brings it to one size.
// Szegedy et al. 2014, "Going Deeper with Convolutions", arXiv:1409.4842, section 6.
//
//   area = U(scale) * H * W,  ratio = exp(U(log ratio)),  w = sqrt(area * ratio),  h = sqrt(area / ratio), rounded
//   the first of ten such parts that fits inside, at a place of its own; else the middle, as large as ratio allows
//
// x: [N,C,H,W]; y: [N,C,S,S], or [N,C,H,W] with size 0. Averaged over areas where it shrinks, linear where it grows.

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "nodes/image/augmentation.h"

namespace dagfusion {
namespace {

constexpr int kTries = 10;

class RandomResizedCrop final : public Map {
 public:
  explicit RandomResizedCrop(Setup& setup)
      : scale_(range_of(setup, "scale", 0)),
        ratio_(range_of(setup, "ratio", 0.01)),
        x_(setup.input("x")),
        channels_(x_.spec.shape[1]),
        height_(static_cast<int>(x_.spec.shape[2])),
        width_(static_cast<int>(x_.spec.shape[3])) {
    const int size = static_cast<int>(setup.integer("size"));
    rows_ = size == 0 ? height_ : size;
    columns_ = size == 0 ? width_ : size;
    if (scale_.first == 0 || scale_.second > 1)
      setup.fail_at("scale", "'scale' is " + to_string(setup.parameters().setting("scale")) +
                                 "; it takes two shares of the image's area, above 0 and at most 1");
    y_ = setup.output("y", {x_.spec.shape[0], channels_, rows_, columns_});
  }

  void forward(Call& call) const override {
    const auto* x = call.in<std::uint8_t>(x_);
    auto* y = call.out<std::uint8_t>(y_);
    for (int n = 0; n < x_.spec.shape[0];
         ++n, x += channels_ * height_ * width_, y += channels_ * rows_ * columns_) {
      Draws draws(call.random(n));
      const cv::Rect part = drawn(draws);
      const int how = part.height > rows_ || part.width > columns_ ? cv::INTER_AREA : cv::INTER_LINEAR;
      for (std::int64_t c = 0; c < channels_; ++c) {
        cv::Mat out = plane(y, c, rows_, columns_);
        cv::resize(plane(x, c, height_, width_)(part), out, out.size(), 0, 0, how);
      }
    }
  }

 private:
  cv::Rect drawn(Draws& draws) const {
    for (int i = 0; i < kTries; ++i) {
      const double area = draws.between(scale_.first, scale_.second) * height_ * width_;
      const double ratio = std::exp(draws.between(std::log(ratio_.first), std::log(ratio_.second)));
      const int w = static_cast<int>(std::lround(std::sqrt(area * ratio)));
      const int h = static_cast<int>(std::lround(std::sqrt(area / ratio)));
      if (w < 1 || h < 1 || w > width_ || h > height_) continue;
      const int left = static_cast<int>(draws.whole(width_ - w + 1));
      const int top = static_cast<int>(draws.whole(height_ - h + 1));
      return {left, top, w, h};
    }
    const double ratio = std::clamp(double(width_) / height_, ratio_.first, ratio_.second);
    const int w = std::clamp(static_cast<int>(std::lround(height_ * ratio)), 1, width_);
    const int h = std::clamp(static_cast<int>(std::lround(width_ / ratio)), 1, height_);
    return {(width_ - w) / 2, (height_ - h) / 2, w, h};
  }

  std::pair<double, double> scale_, ratio_;
  Input x_;
  std::int64_t channels_;
  int height_, width_, rows_ = 0, columns_ = 0;
  Output y_;
};

}  // namespace

NodeType random_resized_crop() {
  return {.name = "random_resized_crop",
          .summary = "Cuts a part of random area and shape out of every image and brings it to one size.",
          .stands_for = {"augmentation"},
          .paper = "Szegedy et al. 2014, arXiv:1409.4842, section 6",
          .example = "{type: random_resized_crop, in: images, scale: [0.8, 1]}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] u8", "images"}},
          .outputs = {{"y", "[N,C,S,T] u8", "the parts"}},
          .parameters = {{.name = "size",
                          .kind = Kind::integer,
                          .doc = "height and width of the result; 0 = those of the images",
                          .standard = std::int64_t{0},
                          .minimum = 0,
                          .maximum = 65536},
                         {.name = "scale",
                          .kind = Kind::reals,
                          .doc = "smallest and largest share of the image's area",
                          .standard = std::vector<double>{0.08, 1}},
                         {.name = "ratio",
                          .kind = Kind::reals,
                          .doc = "smallest and largest width / height",
                          .standard = std::vector<double>{0.75, 1.3333333333333333}}},
          .create = make_node<RandomResizedCrop>};
}

}  // namespace dagfusion
