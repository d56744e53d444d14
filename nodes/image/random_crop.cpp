// random_crop: puts a border around every image and cuts out a window of one size, each at its own place.
// He et al. 2015, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, section 4.2 (padding 4 at 32x32).
//
//   window of size x size, its corner uniform among all that lie inside the image and its border
//
// x: [N,C,H,W]; y: [N,C,S,S], or [N,C,H,W] with size 0.

#include <fmt/format.h>

#include <opencv2/imgproc.hpp>

#include "nodes/image/augmentation.h"

namespace dagfusion {
namespace {

class RandomCrop final : public Map {
 public:
  explicit RandomCrop(Setup& setup)
      : border_(border_of(setup)),
        padding_(static_cast<int>(setup.integer("padding"))),
        x_(setup.input("x")),
        channels_(x_.spec.shape[1]),
        height_(static_cast<int>(x_.spec.shape[2])),
        width_(static_cast<int>(x_.spec.shape[3])) {
    const int size = static_cast<int>(setup.integer("size"));
    rows_ = size == 0 ? height_ : size;
    columns_ = size == 0 ? width_ : size;
    if (rows_ > height_ + 2 * padding_ || columns_ > width_ + 2 * padding_)
      setup.fail_at(
          "size",
          fmt::format("'size' is {}, but the images are {}x{} with their border; a larger 'padding' would do",
                      size, height_ + 2 * padding_, width_ + 2 * padding_));
    if (border_.type != cv::BORDER_CONSTANT && padding_ >= std::min(height_, width_))
      setup.fail_at("padding", fmt::format("'padding' is {}, but only {} pixels can be mirrored", padding_,
                                           std::min(height_, width_) - 1));
    y_ = setup.output("y", {x_.spec.shape[0], channels_, rows_, columns_});
  }

  void forward(Call& call) const override {
    const auto* x = call.in<std::uint8_t>(x_);
    auto* y = call.out<std::uint8_t>(y_);
    cv::Mat wide;
    for (int n = 0; n < x_.spec.shape[0];
         ++n, x += channels_ * height_ * width_, y += channels_ * rows_ * columns_) {
      Draws draws(call.random(n));
      const int top = static_cast<int>(draws.whole(height_ + 2 * padding_ - rows_ + 1));
      const int left = static_cast<int>(draws.whole(width_ + 2 * padding_ - columns_ + 1));
      for (std::int64_t c = 0; c < channels_; ++c) {
        cv::copyMakeBorder(plane(x, c, height_, width_), wide, padding_, padding_, padding_, padding_,
                           border_.type, border_.fill);
        wide(cv::Rect(left, top, columns_, rows_)).copyTo(plane(y, c, rows_, columns_));
      }
    }
  }

 private:
  Border border_;
  int padding_;
  Input x_;
  std::int64_t channels_;
  int height_, width_, rows_ = 0, columns_ = 0;
  Output y_;
};

std::vector<Parameter> parameters() {
  std::vector<Parameter> all = {{.name = "size",
                                 .kind = Kind::integer,
                                 .doc = "height and width of the window; 0 = those of the images",
                                 .standard = std::int64_t{0},
                                 .minimum = 0,
                                 .maximum = 65536},
                                {.name = "padding",
                                 .kind = Kind::integer,
                                 .doc = "pixels of border on each side",
                                 .standard = std::int64_t{4},
                                 .minimum = 0,
                                 .maximum = 4096}};
  for (Parameter& p : border_parameters()) all.push_back(std::move(p));
  return all;
}

}  // namespace

NodeType random_crop() {
  return {.name = "random_crop",
          .summary = "Puts a border around every image and cuts out a window at a random place.",
          .stands_for = {"augmentation"},
          .paper = "He et al. 2015, arXiv:1512.03385, section 4.2",
          .example = "{type: random_crop, in: images, padding: 4}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] u8", "images"}},
          .outputs = {{"y", "[N,C,S,T] u8", "the windows"}},
          .parameters = parameters(),
          .create = make_node<RandomCrop>};
}

}  // namespace dagfusion
