// png_grid: writes all images of a run side by side into one picture.
//
// x: [N,C,H,W], C = 1 (grey) or 3 (red, green, blue), or [N,K,C,H,W] as a loop collects them: then every
// image of the run is one row of K stages. Images are ordered by their number, left to right, top to bottom.
// label: [N], the class of each image, whose name is written below it: as the model or the data set calls it.
// An existing picture is never overwritten: samples.png, then samples-2.png, …

#include <fmt/format.h>

#include <cmath>
#include <opencv2/imgproc.hpp>

#include "graph/document/number.h"
#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "nodes/files/output_file.h"
#include "nodes/files/planes.h"
#include "nodes/files/png_file.h"

namespace dagfusion {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr int kNameHeight = 10;  // of the band below an image
constexpr int kBelowTheLine = 2;
constexpr double kLargest = 0.35, kSmallest = 0.25;  // size of the letters: 7 and 5 pixels high

double width_of(const std::string& name, double size) {
  return cv::getTextSize(name, kFont, size, 1, nullptr).width;
}

// Writes a name into the band below an image: in smaller letters, and then cut off, if it is too wide.
void write_name(cv::Mat band, std::string name) {
  double size = kLargest;
  if (width_of(name, size) > band.cols) size = kSmallest;
  while (name.size() > 1 && width_of(name, size) > band.cols) name.pop_back();
  cv::putText(band, name, {0, kNameHeight - kBelowTheLine}, kFont, size, cv::Scalar::all(255), 1,
              cv::LINE_AA);
}

class PngGrid final : public Ordered {
 public:
  explicit PngGrid(Setup& setup)
      : path_(setup.text("path")),
        columns_(static_cast<int>(setup.integer("columns"))),
        padding_(static_cast<int>(setup.integer("padding"))),
        limit_(setup.integer("limit")),
        x_(setup.input("x")),
        label_(setup.input("label")) {
    if (label_.connected()) names_ = setup.classes();
    const Shape& shape = x_.spec.shape;
    const std::string given = "input 'x' is " + to_string(shape);
    if (shape.size() != 4 && shape.size() != 5)
      setup.fail_at_input("x", given + "; images are [N,C,H,W], stages of images [N,K,C,H,W]");
    if (std::filesystem::path(path_).extension() != ".png")
      setup.fail_at("path", "'path' is '" + path_ + "'; it must end in .png");
    refuse_folder(setup, "path");
    if (shape.size() == 5) {
      if (columns_ != 0)
        setup.fail_at("columns",
                      fmt::format("'columns' is {}, but the {} stages of {} make a row; leave it out",
                                  columns_, shape[1], to_string(shape)));
      columns_ = stages_ = static_cast<int>(shape[1]);
    }
    channels_ = static_cast<int>(shape[shape.size() - 3]);
    height_ = static_cast<int>(shape[shape.size() - 2]);
    width_ = static_cast<int>(shape[shape.size() - 1]);
    if (channels_ != 1 && channels_ != 3)
      setup.fail_at_input("x", fmt::format("{} with {} channels; a PNG file takes 1 or 3", given, channels_));
  }

  void run(Call& call) override {
    const std::int64_t kept = std::min<std::int64_t>(call.valid(), limit_ - std::min(limit_, arrived_));
    const auto* x = call.in<std::uint8_t>(x_);
    pixels_.insert(pixels_.end(), x, x + kept * stages_ * tile());
    if (label_.connected()) {
      const auto* label = call.in<std::int32_t>(label_);
      labels_.insert(labels_.end(), label, label + kept);
    }
    arrived_ += call.valid();
  }

  void finish(RunInfo& run) override {
    const std::filesystem::path wanted = run.resolve(path_);
    const auto tiles = static_cast<int>(static_cast<std::int64_t>(pixels_.size()) / tile());
    if (tiles == 0) {
      run.told(fmt::format("no image came, so {} was not written", wanted.string()));
    } else {
      const std::filesystem::path path = free_path(wanted);
      write(path, tiles);
      const std::int64_t shown = tiles / stages_;
      run.told(shown == arrived_ ? fmt::format("{} in {}", counted(shown, "image"), path.string())
                                 : fmt::format("the first {} of {} in {}", shown, counted(arrived_, "image"),
                                               path.string()));
    }
    pixels_ = {};  // a preview runs again
    labels_ = {};
    arrived_ = 0;
  }

 private:
  std::int64_t tile() const { return std::int64_t{channels_} * height_ * width_; }

  void write(const std::filesystem::path& path, int tiles) const {
    const int columns = columns_ ? std::min(columns_, tiles)
                                 : static_cast<int>(std::ceil(std::sqrt(static_cast<double>(tiles))));
    const int rows = (tiles + columns - 1) / columns;
    const int across = width_ + padding_, down = height_ + padding_ + (label_.connected() ? kNameHeight : 0);
    const int width = columns * across + padding_, height = rows * down + padding_;
    const std::int64_t row = std::int64_t{width} * channels_;
    std::vector<std::uint8_t> picture(static_cast<std::size_t>(row * height));
    for (int i = 0; i < tiles; ++i) {
      const std::int64_t top = padding_ + i / columns * down;
      const std::int64_t left = padding_ + i % columns * across;
      planes_to_pixels(pixels_.data() + i * tile(), channels_, height_, width_,
                       picture.data() + top * row + left * channels_, row);
    }
    const cv::Mat drawn(height, width, CV_8UC(channels_), picture.data());
    for (int i = 0; i < static_cast<int>(labels_.size()); ++i) {
      const int tile = i * stages_;  // of a row of stages, below the first
      const cv::Rect band(padding_ + tile % columns * across, padding_ + tile / columns * down + height_,
                          width_, kNameHeight);
      write_name(drawn(band), name_of(labels_[static_cast<std::size_t>(i)]));
    }
    write_png(path, picture, height, width, channels_);
  }

  std::string name_of(std::int32_t label) const {
    if (label < 0) return "none";
    const auto place = static_cast<std::size_t>(label);
    return place < names_.size() ? names_[place] : std::to_string(label);
  }

  std::string path_;
  int columns_, padding_;
  std::int64_t limit_;
  Input x_, label_;
  std::vector<std::string> names_;  // of the classes
  int stages_ = 1, channels_ = 0, height_ = 0, width_ = 0;
  std::vector<std::uint8_t> pixels_;  // planes of the images so far
  std::vector<std::int32_t> labels_;
  std::int64_t arrived_ = 0;
};

}  // namespace

NodeType png_grid() {
  return {
      .name = "png_grid",
      .summary = "Writes all images of a run side by side into one PNG file.",
      .stands_for = {"sink"},
      .example = "{type: png_grid, in: bytes, path: samples.png}",
      .role = Role::ordered,
      .inputs = {{"x", "[N,...] u8",
                  "images [N,C,H,W], or stages of images [N,K,C,H,W], one row for each image"},
                 {.name = "label",
                  .spec = "[N] i32",
                  .doc = "class of each image, whose name is written below it",
                  .optional = true}},
      .parameters = {{.name = "path",
                      .kind = Kind::text,
                      .doc = "file to write, below the run's directory; -2, -3, … is added when it exists",
                      .standard = std::string("samples.png")},
                     {.name = "columns",
                      .kind = Kind::integer,
                      .doc = "images in a row; 0 = as many as there are rows",
                      .standard = std::int64_t{0},
                      .minimum = 0,
                      .maximum = 1024},
                     {.name = "padding",
                      .kind = Kind::integer,
                      .doc = "black pixels between and around images",
                      .standard = std::int64_t{2},
                      .minimum = 0,
                      .maximum = 64},
                     {.name = "limit",
                      .kind = Kind::integer,
                      .doc = "most images to show; those after them are left out",
                      .standard = std::int64_t{1024},
                      .minimum = 1,
                      .maximum = 65536}},
      .create = make_node<PngGrid>};
}

}  // namespace dagfusion
