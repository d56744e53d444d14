// center_crop: cuts the middle out of every picture, so that all are of one size and travel as one tensor.
//
// images: [N] of any size, none smaller than H x W; y: [N,C,H,W], C = 1 (grey) or 3 (red, green, blue). H = size, and W too, where
// `width` says nothing else. When a picture is larger by an odd number, the spare row goes to the bottom and the
// spare column to the right.

#include <fmt/format.h>

#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/gives_pictures.h"
#include "nodes/files/planes.h"

namespace dagfusion {
namespace {

class CenterCrop final : public Map {
 public:
  explicit CenterCrop(Setup& setup)
      : height_(static_cast<int>(setup.integer("size"))),
        width_(setup.integer("width") > 0 ? static_cast<int>(setup.integer("width")) : height_),
        channels_(static_cast<int>(setup.integer("channels"))),
        images_(setup.input("images")),
        y_(setup.output("y", {images_.spec.shape[0], channels_, height_, width_})) {
    if (channels_ == 2)
      setup.fail_at("channels", "'channels' is 2; it takes 1 (grey) or 3 (red, green, blue)");
    const auto* source = dynamic_cast<const GivesPictures*>(setup.data_set_behind(images_));
    if (source && source->picture_channels() != channels_)
      setup.fail_at("channels",
                    fmt::format("'channels' is {}, but the pictures come with {}; both must be the same",
                                channels_, source->picture_channels()));
  }

  void forward(Call& call) const override {
    const std::vector<Image>& images = call.images(images_);
    auto* y = call.out<std::uint8_t>(y_);
    for (const Image& image : images) {
      if (image.height < height_ || image.width < width_)
        throw std::runtime_error(
            fmt::format("'{}' has {}x{} pixels, too few to cut {}x{} out of it; resize first", image.name,
                        image.width, image.height, width_, height_));
      if (image.channels != channels_)
        throw std::runtime_error(fmt::format(
            "'{}' has {} channels, not {}; 'channels' must be the same in image_folder and center_crop",
            image.name, image.channels, channels_));
      const std::int64_t top = (image.height - height_) / 2, left = (image.width - width_) / 2;
      const std::int64_t row = std::int64_t{image.width} * channels_;
      pixels_to_planes(image.pixels.data() + top * row + left * channels_, row, channels_, height_, width_,
                       y);
      y += std::int64_t{channels_} * height_ * width_;
    }
  }

 private:
  int height_, width_, channels_;
  Input images_;
  Output y_;
};

}  // namespace

NodeType center_crop() {
  return {.name = "center_crop",
          .summary = "Cuts the middle out of every picture, so that all are of one size.",
          .example = "{type: center_crop, in: images, size: 32}",
          .role = Role::map,
          .inputs = {{"images", "[N] images", "pictures of any size"}},
          .outputs = {{"y", "[N,C,H,W] u8", "their middles"}},
          .parameters = {{.name = "size",
                          .kind = Kind::integer,
                          .doc = "height to keep, in pixels, and width, where that says nothing else",
                          .required = true,
                          .minimum = 1,
                          .maximum = 8192},
                         {.name = "width",
                          .kind = Kind::integer,
                          .doc = "width to keep, of a middle that is not square; 0 = size",
                          .standard = std::int64_t{0},
                          .minimum = 0,
                          .maximum = 8192},
                         {.name = "channels",
                          .kind = Kind::integer,
                          .doc = "channels of the pictures, as image_folder has them: 1 or 3",
                          .standard = std::int64_t{3},
                          .minimum = 1,
                          .maximum = 3}},
          .create = make_node<CenterCrop>};
}

}  // namespace dagfusion
