// sliced_wasserstein: how far generated images are from real ones, as two heaps of points.
// Bonneel, Rabin, Peyré, Pfister 2015, "Sliced and Radon Wasserstein Barycenters of Measures",
// doi:10.1007/s10851-014-0506-3, eq. 8; by projections as Rabin et al. 2011.
//
//   W2^2(theta) = mean over i of (a_(i) - b_(i))^2       a_(i), b_(i): <image, theta> of all images, sorted
//   distance = sqrt(mean over the directions theta of D * W2^2(theta))    theta: unit vectors in D dimensions
//
// samples, reference: [N,...] of one shape, such as [-1,1].
// The directions are the same for every run, so that distances of equally many images can be compared;
// fewer images give larger ones, also between equal heaps.
// D makes it a distance of images: for heaps of one image each it is close to their Euclidean distance.
// Writes <name>.csv into the run's directory: images, distance.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "graph/types/needs_all.h"
#include "nodes/files/durable.h"
#include "nodes/kernels/gaussian.h"

namespace dagfusion {
namespace {

class SlicedWasserstein final : public Ordered, public NeedsAll {
 public:
  explicit SlicedWasserstein(Setup& setup)
      : samples_(setup.input("samples")),
        reference_(setup.input("reference")),
        name_(setup.text("name")),
        directions_(static_cast<std::size_t>(setup.integer("directions"))),
        each_(static_cast<std::size_t>(count_of(samples_.spec.shape) / samples_.spec.shape[0])) {
    if (name_.empty() || name_.find('/') != name_.npos)
      setup.fail_at("name",
                    fmt::format("'name' is '{}'; it is the name of a file without a directory", name_));
  }

  void prepare(Preparation&) override {
    thetas_.resize(directions_ * each_);
    for (std::size_t k = 0; k < directions_; ++k) {
      float* theta = thetas_.data() + k * each_;
      kernels::gaussian({.key = stream_key(0, "sliced_wasserstein"), .image = k}, theta, each_);
      double square = 0;
      for (std::size_t i = 0; i < each_; ++i) square += double(theta[i]) * theta[i];
      const float unit = static_cast<float>(std::sqrt(static_cast<double>(each_) / square));
      for (std::size_t i = 0; i < each_; ++i) theta[i] *= unit;
    }
  }

  void run(Call& call) override {
    for (int n = 0; n < call.valid(); ++n) {
      project(call.in<float>(samples_) + static_cast<std::size_t>(n) * each_, projected_samples_);
      project(call.in<float>(reference_) + static_cast<std::size_t>(n) * each_, projected_reference_);
    }
  }

  std::optional<CsvFile> csv() const override { return CsvFile{name_ + ".csv", {"images", "distance"}}; }

  void finish(RunInfo& run) override {
    const std::size_t images = projected_samples_.size() / directions_;
    if (images > 0) {
      const double distance = std::sqrt(mean_square(images));
      const CsvFile file = *csv();
      replace_file(run.resolve(file.name),
                   fmt::format("{}\n{},{:.6g}\n", fmt::join(file.columns, ","), images, distance));
      run.told(fmt::format("{}: {:.4g} from {} real images", name_, distance, images));
    }
    clear();  // a preview runs again
  }
  void give_up(RunInfo& run) override {
    run.told(fmt::format("{}: not measured, since the run was stopped before its last image", name_));
    clear();
  }

 private:
  void clear() {
    projected_samples_.clear();
    projected_reference_.clear();
  }

  void project(const float* image, std::vector<float>& to) const {
    for (std::size_t k = 0; k < directions_; ++k) {
      const float* theta = thetas_.data() + k * each_;
      double sum = 0;
      for (std::size_t i = 0; i < each_; ++i) sum += double(image[i]) * theta[i];
      to.push_back(static_cast<float>(sum));
    }
  }

  double mean_square(std::size_t images) const {
    std::vector<float> a(images), b(images);
    double all = 0;
    for (std::size_t k = 0; k < directions_; ++k) {
      for (std::size_t i = 0; i < images; ++i) {
        a[i] = projected_samples_[i * directions_ + k];
        b[i] = projected_reference_[i * directions_ + k];
      }
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      for (std::size_t i = 0; i < images; ++i) all += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
    }
    return all / static_cast<double>(images * directions_);
  }

  Input samples_, reference_;
  std::string name_;
  std::size_t directions_, each_;                               // each: numbers of one image
  std::vector<float> thetas_;                                   // [directions, each], of length sqrt(each)
  std::vector<float> projected_samples_, projected_reference_;  // [images, directions]
};

}  // namespace

NodeType sliced_wasserstein() {
  return {
      .name = "sliced_wasserstein",
      .summary = "Measures how far generated images are from real ones, by sorting their projections.",
      .stands_for = {"measure"},
      .paper = "Bonneel et al. 2015, doi:10.1007/s10851-014-0506-3, eq. 8",
      .example = "{type: sliced_wasserstein, in: {samples: denoise.x, reference: real}}",
      .role = Role::ordered,
      .inputs = {{"samples", "[N,...] f32", "generated images"}, {"reference", "[N,...] f32", "real images"}},
      .parameters = {{.name = "name",
                      .kind = Kind::text,
                      .doc = "of the file, without .csv, and in the report",
                      .standard = std::string("distance")},
                     {.name = "directions",
                      .kind = Kind::integer,
                      .doc = "onto how many lines the images are projected",
                      .standard = std::int64_t{256},
                      .minimum = 1,
                      .maximum = 65536}},
      .create = make_node<SlicedWasserstein>};
}

}  // namespace dagfusion
