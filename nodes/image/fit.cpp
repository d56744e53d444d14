// fit: brings images of one size to another one: as large as covers it with proportions kept, then the middle.
//
// x: [N,C,H,W] of bytes, C = 1 or 3; y: [N,C,h,w]. Filters are those of resize. A spare row is cut off at the bottom, a spare
// column at the right. `size: 0` leaves images as they are.

#include <fmt/format.h>

#include <algorithm>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/planes.h"
#include "nodes/files/resize_picture.h"

namespace dagfusion {
namespace {

class Fit final : public Map {
 public:
  explicit Fit(Setup& setup) : filter_(setup.text("filter")), x_(setup.input("x")) {
    const Shape& from = x_.spec.shape;
    const auto given = [&](std::string_view parameter, std::int64_t otherwise) {
      return static_cast<int>(setup.integer(parameter) > 0 ? setup.integer(parameter) : otherwise);
    };
    height_ = given("size", from[2]);
    width_ = given("width", setup.integer("size") > 0 ? height_ : from[3]);
    if (from[1] != 1 && from[1] != 3)
      setup.fail_at_input("x", fmt::format("input 'x' is {} with {} channels; there must be 1 or 3",
                                           to_string(from), from[1]));
    y_ = setup.output("y", {from[0], from[1], height_, width_});
  }

  void forward(Call& call) const override {
    const Shape& from = x_.spec.shape;
    const auto channels = from[1], height = from[2], width = from[3];
    const auto* x = call.in<std::uint8_t>(x_);
    auto* y = call.out<std::uint8_t>(y_);
    if (height == height_ && width == width_) {
      std::copy_n(x, count_of(from), y);
      return;
    }
    Image image{static_cast<int>(height), static_cast<int>(width), static_cast<int>(channels)};
    image.pixels.resize(static_cast<std::size_t>(channels * height * width));
    for (std::int64_t i = 0; i < from[0]; ++i) {
      planes_to_pixels(x + i * channels * height * width, channels, height, width, image.pixels.data(),
                       width * channels);
      const Image made = fitted(image, height_, width_, filter_);
      pixels_to_planes(made.pixels.data(), width_ * channels, channels, height_, width_,
                       y + i * channels * height_ * width_);
    }
  }

 private:
  std::string filter_;
  Input x_;
  Output y_;
  int height_ = 0, width_ = 0;
};

Parameter side(const std::string& name, const std::string& doc) {
  return {.name = name,
          .kind = Kind::integer,
          .doc = doc,
          .standard = std::int64_t{0},
          .minimum = 0,
          .maximum = 8192};
}

}  // namespace

NodeType fit() {
  return {
      .name = "fit",
      .summary = "Brings images of one size to another one, and cuts the middle out of what is too long.",
      .example = "{type: fit, in: images, size: 32}",
      .role = Role::map,
      .inputs = {{"x", "[N,C,H,W] u8", "images"}},
      .outputs = {{"y", "[N,C,H,W] u8", "images of the size that is asked for"}},
      .parameters = {side("size", "height in pixels, and width, where that says nothing else; 0 = as it is"),
                     side("width", "width in pixels, of images that are not square; 0 = size"),
                     {.name = "filter",
                      .kind = Kind::choice,
                      .doc = "area, one of Pillow's, or the recipe of improved-diffusion",
                      .standard = "area",
                      .choices = kResizeFilters}},
      .create = make_node<Fit>};
}

}  // namespace dagfusion
