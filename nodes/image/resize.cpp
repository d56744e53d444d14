// resize: brings the shorter side of every picture to `size` pixels and keeps its proportions.
//
// filter: area takes the mean over the area that a new pixel covers, so nothing flickers, and enlarges bicubically; box,
// bilinear, bicubic and lanczos are Pillow's, bit for bit; improved_diffusion halves with box while the picture is at least
// twice as large and ends with bicubic (Nichol, Dhariwal 2021, arXiv:2102.09672, image_datasets.py of their code).
// images: [N] of any size; resized: [N], min(height, width) = size.

#include <fmt/format.h>

#include <cmath>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/decode.h"
#include "nodes/files/resample.h"

namespace dagfusion {
namespace {

class Resize final : public Map {
 public:
  explicit Resize(Setup& setup)
      : size_(static_cast<int>(setup.integer("size"))),
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
    const int shorter = std::min(from.height, from.width);
    if (shorter == size_) return from;
    const double scale = static_cast<double>(size_) / shorter;
    const double height = std::round(from.height * scale), width = std::round(from.width * scale);
    if (height * width > static_cast<double>(kMostPixels))
      throw std::runtime_error(
          fmt::format("'{}' has {}x{} pixels and would get {}x{}; the limit is {} Mpixel", from.name,
                      from.width, from.height, width, height, kMostPixels >> 20));
    if (filter_ != "area") return as_pillow(from, scale);
    Image to{static_cast<int>(height), static_cast<int>(width), from.channels};
    to.name = from.name;
    to.pixels.resize(static_cast<std::size_t>(to.height) * static_cast<std::size_t>(to.width) *
                     static_cast<std::size_t>(to.channels));
    const int type = CV_8UC(from.channels);
    const cv::Mat source(from.height, from.width, type, const_cast<std::uint8_t*>(from.pixels.data()));
    cv::Mat target(to.height, to.width, type, to.pixels.data());
    cv::resize(source, target, target.size(), 0, 0, scale < 1 ? cv::INTER_AREA : cv::INTER_CUBIC);
    return to;
  }

  Image as_pillow(const Image& from, double scale) const {
    const auto rounded = [](double side) {
      return static_cast<int>(std::nearbyint(side));
    };  // halves to even, as Python
    if (filter_ != "improved_diffusion") {
      const Filter filter = filter_ == "box"        ? Filter::box
                            : filter_ == "bilinear" ? Filter::bilinear
                            : filter_ == "bicubic"  ? Filter::bicubic
                                                    : Filter::lanczos;
      return resample(from, rounded(from.height * scale), rounded(from.width * scale), filter);
    }
    Image halved = from;
    while (std::min(halved.height, halved.width) >= 2 * size_)
      halved = resample(halved, halved.height / 2, halved.width / 2, Filter::box);
    const double rest = static_cast<double>(size_) / std::min(halved.height, halved.width);
    return resample(halved, rounded(halved.height * rest), rounded(halved.width * rest), Filter::bicubic);
  }

  int size_;
  std::string filter_;
  Input images_;
  Output resized_;
};

}  // namespace

NodeType resize() {
  return {
      .name = "resize",
      .summary = "Brings the shorter side of every picture to a size and keeps its proportions.",
      .example = "{type: resize, in: images, size: 32}",
      .role = Role::map,
      .inputs = {{"images", "[N] images", "pictures of any size"}},
      .outputs = {{"resized", "[N] images", "pictures whose shorter side is `size`"}},
      .parameters = {{.name = "size",
                      .kind = Kind::integer,
                      .doc = "shorter side in pixels",
                      .required = true,
                      .minimum = 1,
                      .maximum = 8192},
                     {.name = "filter",
                      .kind = Kind::choice,
                      .doc = "area, one of Pillow's, or the recipe of improved-diffusion",
                      .standard = "area",
                      .choices = {"area", "box", "bilinear", "bicubic", "lanczos", "improved_diffusion"}}},
      .create = make_node<Resize>};
}

}  // namespace dagfusion
