// resize: brings the shorter side of every picture to `size` pixels and keeps its proportions; with `width`
// it makes every picture `size` high and `width` wide.
//
// filter: area takes the mean over the area that a new pixel covers, so nothing flickers, and enlarges bicubically; box,
// bilinear, bicubic and lanczos are Pillow's, bit for bit; improved_diffusion halves with box while the picture is at least
// twice as large and ends with bicubic (Nichol, Dhariwal 2021, arXiv:2102.09672, image_datasets.py of their code).
// images: [N] of any size; resized: [N], min(height, width) = size, or size x width.

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/resize_picture.h"

namespace dagfusion {
namespace {

class Resize final : public Map {
 public:
  explicit Resize(Setup& setup)
      : size_(static_cast<int>(setup.integer("size"))),
        width_(static_cast<int>(setup.integer("width"))),
        filter_(setup.text("filter")),
        images_(setup.input("images")),
        resized_(setup.output("resized")) {}

  void forward(Call& call) const override {
    const std::vector<Image>& images = call.images(images_);
    std::vector<Image>& resized = call.images(resized_);
    resized.resize(images.size());
    for (std::size_t i = 0; i < images.size(); ++i) resized[i] = resize_one(images[i]);
  }

 private:
  Image resize_one(const Image& from) const {
    return width_ > 0 ? with_sides(from, size_, width_, filter_) : with_shorter_side(from, size_, filter_);
  }

  int size_, width_;
  std::string filter_;
  Input images_;
  Output resized_;
};

}  // namespace

NodeType resize() {
  return {.name = "resize",
          .summary = "Brings the shorter side of every picture to a size, or both sides to one each.",
          .example = "{type: resize, in: images, size: 32}",
          .role = Role::map,
          .inputs = {{"images", "[N] images", "pictures of any size"}},
          .outputs = {{"resized", "[N] images", "pictures of the size that is asked for"}},
          .parameters = {{.name = "size",
                          .kind = Kind::integer,
                          .doc = "shorter side in pixels; with `width` the height",
                          .required = true,
                          .minimum = 1,
                          .maximum = 8192},
                         {.name = "width",
                          .kind = Kind::integer,
                          .doc = "width in pixels, whatever becomes of proportions; 0 = they stay",
                          .standard = std::int64_t{0},
                          .minimum = 0,
                          .maximum = 8192},
                         {.name = "filter",
                          .kind = Kind::choice,
                          .doc = "area, one of Pillow's, or the recipe of improved-diffusion",
                          .standard = "area",
                          .choices = kResizeFilters}},
          .create = make_node<Resize>};
}

}  // namespace dagfusion
