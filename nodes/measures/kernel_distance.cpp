// kernel_distance: how far the features of generated images are from those of real ones, without taking them for
// Gaussian; with those of Inception: KID.
// Binkowski et al. 2018, "Demystifying MMD GANs", arXiv:1801.01401, section 4.
//
//   k(x, y) = (<x, y> / F + 1)^3
//   distance = (mean over i != j of k(x_i, x_j)) + (mean over i != j of k(y_i, y_j)) - 2 (mean over i, j of k(x_i, y_j))
//
// The mean over subsets of as many generated and real images each, and its deviation over the subsets. It is unbiased:
// few images make it vary, but not larger, and it may be a little below 0.
// samples, reference: [N,F]. Subsets are drawn without replacement, in torch-fidelity's order (seed 2020).
// Writes <name>.csv into the run's directory: images, distance, deviation.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/kernels/pairs.h"
#include "nodes/measures/features.h"
#include "nodes/measures/numpy_order.h"

namespace dagfusion {
namespace {

constexpr std::uint32_t kSubsetSeed = 2020;

// The sum of k over all pairs of a row of `a` and one of `b`; of a row and itself only `with_itself`.
double kernel_sum(const Features& a, const Features& b, bool with_itself) {
  std::vector<double> dots(b.count());
  double sum = 0;
  for (std::size_t i = 0; i < a.count(); ++i) {
    kernels::dot_products(a.row(i), b.values.data(), b.count(), b.size, dots.data());
    for (std::size_t j = 0; j < b.count(); ++j) {
      if (!with_itself && i == j) continue;
      const double k = dots[j] / static_cast<double>(a.size) + 1;
      sum += k * k * k;
    }
  }
  return sum;
}

double squared_discrepancy(const Features& x, const Features& y) {
  const auto m = static_cast<double>(x.count()), n = static_cast<double>(y.count());
  return kernel_sum(x, x, false) / (m * (m - 1)) + kernel_sum(y, y, false) / (n * (n - 1)) -
         2 * kernel_sum(x, y, true) / (m * n);
}

class KernelDistance final : public FeatureMeasure {
 public:
  explicit KernelDistance(Setup& setup)
      : FeatureMeasure(setup, "samples", "reference", {"distance", "deviation"}),
        subsets_(static_cast<std::size_t>(setup.integer("subsets"))),
        subset_(static_cast<std::size_t>(setup.integer("subset_size"))) {}

 private:
  std::vector<double> measure(const Features& samples, const Features& reference) override {
    const std::size_t count = samples.count(), some = std::min(subset_, count);
    if (some < 2) throw std::runtime_error("the mean over pairs needs two images; there is 1");
    const std::size_t subsets =
        some == count ? 1 : subsets_;  // all images are one subset, whatever their order
    NumpyOrder order(kSubsetSeed);
    std::vector<std::vector<std::size_t>> drawn, real;
    for (std::size_t i = 0; i < subsets; ++i) {
      drawn.push_back(order.choice(count, some));
      real.push_back(order.choice(count, some));
    }
    std::vector<double> distances(subsets);
    in_parallel(subsets, [&](std::size_t i) {
      distances[i] = squared_discrepancy(some_of(samples, drawn[i]), some_of(reference, real[i]));
    });
    return mean_and_deviation(distances);
  }

  static std::vector<double> mean_and_deviation(const std::vector<double>& values) {
    double mean = 0, square = 0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (const double v : values) square += (v - mean) * (v - mean) / static_cast<double>(values.size());
    return {mean, std::sqrt(square)};
  }

  std::size_t subsets_, subset_;
};

}  // namespace

NodeType kernel_distance() {
  return {.name = "kernel_distance",
          .summary = "Measures how far features of generated images are from those of real ones: KID.",
          .stands_for = {"measure"},
          .paper = "Binkowski et al. 2018, arXiv:1801.01401",
          .example = "{type: kernel_distance, in: {samples: drawn_features, reference: real_features}}",
          .role = Role::ordered,
          .inputs = feature_inputs(),
          .parameters = {measure_name("kernel"),
                         {.name = "subsets",
                          .kind = Kind::integer,
                          .doc = "how many subsets are compared",
                          .standard = std::int64_t{100},
                          .minimum = 1,
                          .maximum = 100000},
                         {.name = "subset_size",
                          .kind = Kind::integer,
                          .doc = "images of a subset; all where there are fewer",
                          .standard = std::int64_t{1000},
                          .minimum = 2,
                          .maximum = 100000}},
          .create = make_node<KernelDistance>};
}

}  // namespace dagfusion
