// pad: puts a border around every picture that is smaller than asked for, so that nothing has to be cut off.
//
// images: [N] of any size; padded: [N], as high as `height` and as wide as `width` at least; with `square: true` as high as
// wide, too. The picture stays in the middle; a spare row goes to the bottom, a spare column to the right.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/decode.h"

namespace dagfusion {
namespace {

class Pad final : public Map {
 public:
  explicit Pad(Setup& setup)
      : height_(static_cast<int>(setup.integer("height"))),
        width_(static_cast<int>(setup.integer("width"))),
        square_(setup.flag("square")),
        images_(setup.input("images")),
        padded_(setup.output("padded")) {
    const std::vector<std::int64_t>& colour = setup.parameters().integers("colour");
    const auto is_byte = [](std::int64_t value) { return value >= 0 && value <= 255; };
    if (colour.size() != 3 || !std::all_of(colour.begin(), colour.end(), is_byte))
      setup.fail_at("colour", fmt::format("'colour' is {}; it takes red, green and blue, each from 0 to 255",
                                          to_string(setup.parameters().setting("colour"))));
    std::copy(colour.begin(), colour.end(), colour_.begin());
  }

  void forward(Call& call) const override {
    const std::vector<Image>& images = call.images(images_);
    std::vector<Image>& padded = call.images(padded_);
    padded.resize(images.size());
    for (std::size_t i = 0; i < images.size(); ++i) padded[i] = pad_one(images[i]);
  }

 private:
  Image pad_one(const Image& from) const {
    int height = std::max(from.height, height_), width = std::max(from.width, width_);
    if (square_) height = width = std::max(height, width);
    if (height == from.height && width == from.width) return from;
    if (std::int64_t{height} * width > kMostPixels)
      throw std::runtime_error(fmt::format("'{}' would get {}x{} pixels; the limit is {} Mpixel", from.name,
                                           width, height, kMostPixels >> 20));
    Image to{height, width, from.channels};
    to.name = from.name;
    const auto channels = static_cast<std::size_t>(from.channels);
    to.pixels.resize(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * channels);
    // ITU-R BT.601 for grey pictures
    const auto grey =
        static_cast<std::uint8_t>((299 * colour_[0] + 587 * colour_[1] + 114 * colour_[2] + 500) / 1000);
    for (std::size_t p = 0; p < to.pixels.size(); ++p) to.pixels[p] = channels == 3 ? colour_[p % 3] : grey;
    const int top = (height - from.height) / 2, left = (width - from.width) / 2;
    const std::size_t row = static_cast<std::size_t>(from.width) * channels;
    for (int y = 0; y < from.height; ++y)
      std::copy_n(from.pixels.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(y) * row), row,
                  to.pixels.begin() + (std::ptrdiff_t{top + y} * width + left) * from.channels);
    return to;
  }

  int height_, width_;
  bool square_;
  std::array<std::uint8_t, 3> colour_{};
  Input images_;
  Output padded_;
};

}  // namespace

NodeType pad() {
  return {.name = "pad",
          .summary = "Puts a border around every picture that is smaller than asked for.",
          .example = "{type: pad, in: images, square: true}",
          .role = Role::map,
          .inputs = {{"images", "[N] images", "pictures of any size"}},
          .outputs = {{"padded", "[N] images", "pictures that are large enough"}},
          .parameters = {{.name = "height",
                          .kind = Kind::integer,
                          .doc = "least height in pixels",
                          .standard = std::int64_t{0},
                          .minimum = 0,
                          .maximum = 8192},
                         {.name = "width",
                          .kind = Kind::integer,
                          .doc = "least width in pixels",
                          .standard = std::int64_t{0},
                          .minimum = 0,
                          .maximum = 8192},
                         {.name = "square",
                          .kind = Kind::boolean,
                          .doc = "as high as wide: nothing of a long picture gets lost",
                          .standard = false},
                         {.name = "colour",
                          .kind = Kind::integers,
                          .doc = "red, green and blue of the border, 0 … 255",
                          .standard = std::vector<std::int64_t>{0, 0, 0}}},
          .create = make_node<Pad>};
}

}  // namespace dagfusion
