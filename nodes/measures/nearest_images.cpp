// nearest_images: shows generated images beside the real ones that are most like them, so that one sees what a model has
// learned by heart.
//
// samples, reference: [N,F], features, which are compared by their Euclidean distance;
// drawn, real: [N,C,H,W], bytes of the same images, C = 1 (grey) or 3. A row of the picture is one generated image, and
// its `neighbours` nearest real ones, the nearest first. Rows are ordered from the closest pair on.
// All real images of the run stay in memory: to look for copies, let the run be as long as the data set.
// Writes <name>.csv: images, closest (the least distance of all pairs), median (of every image's least distance).

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/files/planes.h"
#include "nodes/files/png_file.h"
#include "nodes/kernels/pairs.h"
#include "nodes/measures/features.h"

namespace dagfusion {
namespace {

constexpr int kGap = 2;  // pixels between images

struct Nearest {
  std::vector<std::size_t> real;  // numbers, the nearest first
  double distance = 0;            // to the first
};

class NearestImages final : public FeatureMeasure {
 public:
  explicit NearestImages(Setup& setup)
      : FeatureMeasure(setup, "samples", "reference", {"closest", "median"}),
        drawn_(setup.input("drawn")),
        real_(setup.input("real")),
        path_(setup.text("path")),
        neighbours_(static_cast<std::size_t>(setup.integer("neighbours"))),
        rows_(static_cast<std::size_t>(setup.integer("rows"))) {
    const Shape& shape = drawn_.spec.shape;
    if (shape[1] != 1 && shape[1] != 3)
      setup.fail_at_input("drawn",
                          fmt::format("input 'drawn' is {} with {} channels; a PNG file takes 1 or 3",
                                      to_string(shape), shape[1]));
    if (std::filesystem::path(path_).extension() != ".png")
      setup.fail_at("path", "'path' is '" + path_ + "'; it must end in .png");
  }

  void run(Call& call) override {
    FeatureMeasure::run(call);
    keep(call, drawn_, drawn_pixels_);
    keep(call, real_, real_pixels_);
  }

  void finish(RunInfo& run) override {
    picture_ = run.resolve(path_);
    FeatureMeasure::finish(run);
    if (written_) run.told(fmt::format("nearest real images in {}", picture_.string()));
    forget();
  }
  void give_up(RunInfo& run) override {
    FeatureMeasure::give_up(run);
    forget();
  }

 private:
  std::size_t tile() const {
    return static_cast<std::size_t>(count_of(drawn_.spec.shape) / drawn_.spec.shape[0]);
  }

  void keep(const Call& call, const Input& from, std::vector<std::uint8_t>& to) const {
    const auto* pixels = call.in<std::uint8_t>(from);
    to.insert(to.end(), pixels, pixels + static_cast<std::size_t>(call.valid()) * tile());
  }

  void forget() {
    drawn_pixels_ = {};
    real_pixels_ = {};
    written_ = false;
  }

  std::vector<double> measure(const Features& samples, const Features& reference) override {
    const std::size_t count = samples.count();
    std::vector<Nearest> nearest(count);
    in_parallel(count, [&](std::size_t i) { nearest[i] = nearest_of(samples.row(i), reference); });
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return nearest[a].distance < nearest[b].distance; });
    draw(order, nearest);
    return {nearest[order.front()].distance, nearest[order[(count - 1) / 2]].distance};
  }

  Nearest nearest_of(const float* row, const Features& reference) const {
    std::vector<double> distances(reference.count());
    kernels::squared_distances(row, reference.values.data(), reference.count(), reference.size,
                               distances.data());
    std::vector<std::size_t> order(reference.count());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const std::size_t kept = std::min(neighbours_, order.size());
    const auto closer = [&](std::size_t a, std::size_t b) {
      return distances[a] != distances[b] ? distances[a] < distances[b] : a < b;
    };
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(), closer);
    order.resize(kept);
    return {order, std::sqrt(distances[order.front()])};
  }

  void draw(const std::vector<std::size_t>& order, const std::vector<Nearest>& nearest) {
    const Shape& shape = drawn_.spec.shape;
    const auto channels = static_cast<int>(shape[1]);
    const int height = static_cast<int>(shape[2]) + kGap, width = static_cast<int>(shape[3]) + kGap;
    const int rows = static_cast<int>(std::min(rows_, order.size()));
    const int columns = 1 + static_cast<int>(nearest[order.front()].real.size());
    const int across = columns * width + 2 * kGap;  // the generated ones stand apart
    std::vector<std::uint8_t> picture(static_cast<std::size_t>(rows) * height * across * channels);
    const auto put = [&](const std::vector<std::uint8_t>& from, std::size_t image, int row, int left) {
      planes_to_pixels(from.data() + image * tile(), channels, shape[2], shape[3],
                       picture.data() + (std::int64_t{row} * height * across + left) * channels,
                       std::int64_t{across} * channels);
    };
    for (int row = 0; row < rows; ++row) {
      const std::size_t image = order[static_cast<std::size_t>(row)];
      put(drawn_pixels_, image, row, 0);
      for (int k = 1; k < columns; ++k)
        put(real_pixels_, nearest[image].real[static_cast<std::size_t>(k - 1)], row, 2 * kGap + k * width);
    }
    picture_ = free_path(picture_);
    write_png(picture_, picture, rows * height, across, channels);
    written_ = true;
  }

  Input drawn_, real_;
  std::string path_;
  std::size_t neighbours_, rows_;
  std::vector<std::uint8_t> drawn_pixels_, real_pixels_;
  std::filesystem::path picture_;
  bool written_ = false;
};

}  // namespace

NodeType nearest_images() {
  std::vector<Port> inputs = feature_inputs();
  inputs.push_back({"drawn", "[N,C,H,W] u8", "the generated images"});
  inputs.push_back({"real", "[N,C,H,W] u8", "the real images"});
  return {.name = "nearest_images",
          .summary = "Shows generated images beside the real ones that are most like them.",
          .stands_for = {"measure"},
          .example =
              "{type: nearest_images, in: {samples: drawn_features, reference: real_features, drawn: bytes, "
              "real: digits}}",
          .role = Role::ordered,
          .inputs = inputs,
          .parameters = {measure_name("nearest"),
                         {.name = "path",
                          .kind = Kind::text,
                          .doc = "picture to write, below the run's directory",
                          .standard = std::string("nearest.png")},
                         {.name = "neighbours",
                          .kind = Kind::integer,
                          .doc = "real images beside each generated one",
                          .standard = std::int64_t{5},
                          .minimum = 1,
                          .maximum = 100},
                         {.name = "rows",
                          .kind = Kind::integer,
                          .doc = "generated images to show",
                          .standard = std::int64_t{16},
                          .minimum = 1,
                          .maximum = 1000}},
          .create = make_node<NearestImages>};
}

}  // namespace dagfusion
