// to_channels: makes grey images of coloured ones, or coloured ones of grey.
//
//   grey = 0.299 red + 0.587 green + 0.114 blue      (ITU-R BT.601, rounded)
//
// x: [N,C,H,W] of bytes, C = 1, 3 or 4; y: [N,c,H,W], c = 1 or 3. The fourth channel is alpha: 0 shows the background.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"

namespace dagfusion {
namespace {

class ToChannels final : public Map {
 public:
  explicit ToChannels(Setup& setup) : channels_(setup.integer("channels")), x_(setup.input("x")) {
    const Shape& from = x_.spec.shape;
    if (channels_ == 2)
      setup.fail_at("channels",
                    "'channels' is 2; it takes 1 (grey), 3 (red, green, blue) or 0 (as they are)");
    if (from[1] != 1 && from[1] != 3 && from[1] != 4)
      setup.fail_at_input("x", fmt::format("input 'x' is {} with {} channels; there must be 1, 3 or 4",
                                           to_string(from), from[1]));
    const std::vector<std::int64_t>& background = setup.parameters().integers("background");
    const auto is_byte = [](std::int64_t value) { return value >= 0 && value <= 255; };
    if (background.size() != 3 || !std::all_of(background.begin(), background.end(), is_byte))
      setup.fail_at("background",
                    fmt::format("'background' is {}; it takes red, green and blue, each from 0 to 255",
                                to_string(setup.parameters().setting("background"))));
    std::copy(background.begin(), background.end(), background_.begin());
    if (channels_ == 0) channels_ = from[1] == 1 ? 1 : 3;
    y_ = setup.output("y", {from[0], channels_, from[2], from[3]});
  }

  void forward(Call& call) const override {
    const Shape& from = x_.spec.shape;
    const std::int64_t each = from[2] * from[3];
    const auto* x = call.in<std::uint8_t>(x_);
    auto* y = call.out<std::uint8_t>(y_);
    for (std::int64_t i = 0; i < from[0]; ++i, x += from[1] * each, y += channels_ * each)
      for (std::int64_t p = 0; p < each; ++p) {
        const std::array<int, 3> colour = colour_of(x + p, each);
        if (channels_ == 1)
          y[p] = static_cast<std::uint8_t>(
              from[1] == 1 ? colour[0] : (299 * colour[0] + 587 * colour[1] + 114 * colour[2] + 500) / 1000);
        else
          for (std::int64_t c = 0; c < 3; ++c)
            y[c * each + p] = static_cast<std::uint8_t>(colour[static_cast<std::size_t>(c)]);
      }
  }

 private:
  std::array<int, 3> colour_of(const std::uint8_t* pixel, std::int64_t plane) const {
    const std::int64_t channels = x_.spec.shape[1];
    if (channels == 1) return {pixel[0], pixel[0], pixel[0]};
    std::array<int, 3> colour = {pixel[0], pixel[plane], pixel[2 * plane]};
    if (channels == 4)
      for (std::size_t c = 0; c < 3; ++c) {
        const int alpha = pixel[3 * plane];
        colour[c] = (colour[c] * alpha + background_[c] * (255 - alpha) + 127) / 255;
      }
    return colour;
  }

  std::int64_t channels_;
  Input x_;
  Output y_;
  std::array<std::uint8_t, 3> background_{};
};

}  // namespace

NodeType to_channels() {
  return {
      .name = "to_channels",
      .summary = "Makes grey images of coloured ones, or coloured ones of grey; alpha shows a background.",
      .example = "{type: to_channels, in: images, channels: 1}",
      .role = Role::map,
      .inputs = {{"x", "[N,C,H,W] u8", "images of 1, 3 or 4 channels"}},
      .outputs = {{"y", "[N,C,H,W] u8", "images of `channels`"}},
      .parameters = {{.name = "channels",
                      .kind = Kind::integer,
                      .doc = "1 (grey) or 3 (red, green, blue); 0 = as they are, but without alpha",
                      .standard = std::int64_t{0},
                      .minimum = 0,
                      .maximum = 3},
                     {.name = "background",
                      .kind = Kind::integers,
                      .doc = "red, green and blue, 0 … 255, behind transparent pixels",
                      .standard = std::vector<std::int64_t>{255, 255, 255}}},
      .create = make_node<ToChannels>};
}

}  // namespace dagfusion
