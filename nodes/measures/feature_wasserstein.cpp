// feature_wasserstein: how far the features of generated images are from those of real ones, as two heaps of points.
// "MIND", arXiv:2605.06797; Bonneel et al. 2015, "Sliced and Radon Wasserstein Barycenters of Measures",
// doi:10.1007/s10851-014-0506-3, eq. 8.
//
//   W(theta) = mean over i of (a_(i) - b_(i))^2       a_(i), b_(i): <features, theta> of all images, sorted
//   distance = 3 F * (mean over the directions theta of W(theta))    theta: unit vectors in F dimensions
//
// samples, reference: [N,F]. The directions are the same for every run, so that distances of equally many images can be
// compared; it asks for no covariance, and so for fewer images than FID.
// Writes <name>.csv into the run's directory: images, distance.

#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/kernels/gaussian.h"
#include "nodes/kernels/pairs.h"
#include "nodes/measures/features.h"

namespace dagfusion {
namespace {

constexpr double kScale = 3;  // of the distance, times F

class FeatureWasserstein final : public FeatureMeasure {
 public:
  explicit FeatureWasserstein(Setup& setup)
      : FeatureMeasure(setup, "samples", "reference", {"distance"}),
        directions_(static_cast<std::size_t>(setup.integer("directions"))) {}

 private:
  std::vector<double> measure(const Features& samples, const Features& reference) override {
    std::vector<double> squares(directions_);
    in_parallel(directions_, [&](std::size_t k) {
      const std::vector<float> theta = direction(k, samples.size);
      const std::vector<double> a = projected(samples, theta), b = projected(reference, theta);
      for (std::size_t i = 0; i < a.size(); ++i) squares[k] += (a[i] - b[i]) * (a[i] - b[i]);
      squares[k] /= static_cast<double>(a.size());
    });
    double sum = 0;
    for (const double square : squares) sum += square;
    return {kScale * static_cast<double>(samples.size) * sum / static_cast<double>(directions_)};
  }

  static std::vector<float> direction(std::size_t k, std::size_t size) {
    std::vector<float> theta(size);
    kernels::gaussian({.key = stream_key(0, "feature_wasserstein"), .image = k}, theta.data(), size);
    double square = 0;
    for (const float v : theta) square += double{v} * v;
    for (float& v : theta) v = static_cast<float>(v / std::sqrt(square));
    return theta;
  }

  static std::vector<double> projected(const Features& features, const std::vector<float>& theta) {
    std::vector<double> values(features.count());
    kernels::dot_products(theta.data(), features.values.data(), features.count(), features.size,
                          values.data());
    std::sort(values.begin(), values.end());
    return values;
  }

  std::size_t directions_;
};

}  // namespace

NodeType feature_wasserstein() {
  return {.name = "feature_wasserstein",
          .summary = "Measures how far features of generated images are from those of real ones: MIND.",
          .stands_for = {"measure"},
          .paper = "Bonneel et al. 2015, doi:10.1007/s10851-014-0506-3, eq. 8",
          .example = "{type: feature_wasserstein, in: {samples: drawn_features, reference: real_features}}",
          .role = Role::ordered,
          .inputs = feature_inputs(),
          .parameters = {measure_name("wasserstein"),
                         {.name = "directions",
                          .kind = Kind::integer,
                          .doc = "onto how many lines the features are projected",
                          .standard = std::int64_t{1000},
                          .minimum = 1,
                          .maximum = 65536}},
          .create = make_node<FeatureWasserstein>};
}

}  // namespace dagfusion
