// random_affine: turns, scales, shears and moves every image about its middle, each in its own way.
//
//   A = turn(angle) * scaling * [1 tan(shear); 0 1],  out(p) = in(middle + A^-1 (p - middle - shift))
//   angle = U(-rotation, rotation), scaling = U(scale), shear = U(-shear, shear), shift = U(-shift, shift) * (W, H)
//
// x, y: [N,C,H,W]. Angles in degrees, counterclockwise; linear interpolation.

#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "nodes/image/augmentation.h"

namespace dagfusion {
namespace {

class RandomAffine final : public Map {
 public:
  explicit RandomAffine(Setup& setup)
      : border_(border_of(setup)),
        rotation_(setup.real("rotation")),
        shear_(setup.real("shear")),
        shift_(setup.real("shift")),
        probability_(setup.real("probability")),
        scale_(range_of(setup, "scale", 0.01)),
        x_(setup.input("x")),
        y_(setup.output("y")),
        channels_(x_.spec.shape[1]),
        height_(static_cast<int>(x_.spec.shape[2])),
        width_(static_cast<int>(x_.spec.shape[3])) {}

  void forward(Call& call) const override {
    const auto* x = call.in<std::uint8_t>(x_);
    auto* y = call.out<std::uint8_t>(y_);
    const std::int64_t image = channels_ * height_ * width_;
    for (int n = 0; n < x_.spec.shape[0]; ++n, x += image, y += image) {
      Draws draws(call.random(n));
      if (!draws.happens(probability_)) {
        std::copy_n(x, image, y);
        continue;
      }
      const cv::Matx23d place = drawn(draws);
      for (std::int64_t c = 0; c < channels_; ++c) {
        cv::Mat out = plane(y, c, height_, width_);
        cv::warpAffine(plane(x, c, height_, width_), out, place, out.size(), cv::INTER_LINEAR, border_.type,
                       border_.fill);
      }
    }
  }

 private:
  // From a pixel of the image to its new place.
  cv::Matx23d drawn(Draws& draws) const {
    constexpr double kDegree = std::numbers::pi / 180;
    const double angle = kDegree * draws.between(-rotation_, rotation_),
                 scaling = draws.between(scale_.first, scale_.second);
    const double shear = std::tan(kDegree * draws.between(-shear_, shear_));
    const double dx = draws.between(-shift_, shift_) * width_, dy = draws.between(-shift_, shift_) * height_;
    const double cosine = scaling * std::cos(angle), sine = scaling * std::sin(angle);
    // y points down, so that counterclockwise is [cos sin; -sin cos].
    const double a = cosine, b = cosine * shear + sine, c = -sine, d = -sine * shear + cosine;
    const double mx = (width_ - 1) / 2.0, my = (height_ - 1) / 2.0;
    return {a, b, mx + dx - a * mx - b * my, c, d, my + dy - c * mx - d * my};
  }

  Border border_;
  double rotation_, shear_, shift_, probability_;
  std::pair<double, double> scale_;
  Input x_;
  Output y_;
  std::int64_t channels_;
  int height_, width_;
};

std::vector<Parameter> parameters() {
  std::vector<Parameter> all = {{.name = "rotation",
                                 .kind = Kind::real,
                                 .doc = "largest angle in degrees, to either side",
                                 .standard = 0.0,
                                 .minimum = 0,
                                 .maximum = 180},
                                {.name = "scale",
                                 .kind = Kind::reals,
                                 .doc = "smallest and largest change of size",
                                 .standard = std::vector<double>{1, 1}},
                                {.name = "shear",
                                 .kind = Kind::real,
                                 .doc = "largest angle in degrees by which upright lines lean",
                                 .standard = 0.0,
                                 .minimum = 0,
                                 .maximum = 80},
                                {.name = "shift",
                                 .kind = Kind::real,
                                 .doc = "largest way along each axis, as a share of the image's sides",
                                 .standard = 0.0,
                                 .minimum = 0,
                                 .maximum = 1},
                                {.name = "probability",
                                 .kind = Kind::real,
                                 .doc = "how likely an image is changed at all",
                                 .standard = 1.0,
                                 .minimum = 0,
                                 .maximum = 1}};
  for (Parameter& p : border_parameters()) all.push_back(std::move(p));
  return all;
}

}  // namespace

NodeType random_affine() {
  return {.name = "random_affine",
          .summary = "Turns, scales, shears and moves every image, each in its own way.",
          .stands_for = {"augmentation"},
          .example = "{type: random_affine, in: images, rotation: 10, scale: [0.9, 1.1], shift: 0.05}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] u8", "images"}},
          .outputs = {{"y", "[N,C,H,W] u8", "the same, in other places"}},
          .parameters = parameters(),
          .create = make_node<RandomAffine>};
}

}  // namespace dagfusion
