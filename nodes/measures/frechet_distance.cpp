// frechet_distance: how far the features of generated images are from those of real ones; with those of Inception: FID.
// Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium",
// arXiv:1706.08500, eq. 6; at infinity: Chong and Forsyth 2020, arXiv:1911.07023.
//
//   distance = |m1 - m2|^2 + tr C1 + tr C2 - 2 tr sqrt(C1 C2)
//
// m, C: mean and covariance (divided by count - 1) of the features, in float64.
// tr sqrt(C1 C2) = the sum of the singular values of F1 F2^T, where C = F^T F.
// at_infinity: distances of 15 subsets of the generated images, from 5000 (or a tenth of all) to all, against
// 1/count; the value at 0 of the straight line through them. It takes out most of what fewer images add.
// samples, reference: [N,F]. Instead of `reference`, `statistics` names a .npz file with mu [F] and sigma [F,F].
// Writes <name>.csv into the run's directory: images, distance, and at_infinity.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "nodes/measures/features.h"
#include "nodes/measures/frechet.h"
#include "nodes/measures/numpy_order.h"

namespace dagfusion {
namespace {

constexpr std::size_t kSizes = 15, kLeastSize = 5000;
constexpr std::uint32_t kSubsetSeed = 2020;

std::vector<std::string> columns_of(const Setup& setup) {
  if (setup.flag("at_infinity")) return {"distance", "at_infinity"};
  return {"distance"};
}

class FrechetDistance final : public FeatureMeasure {
 public:
  explicit FrechetDistance(Setup& setup)
      : FeatureMeasure(setup, "samples", "reference", columns_of(setup)),
        at_infinity_(setup.flag("at_infinity")) {
    if (setup.has("statistics") == reference().connected())
      setup.fail(
          reference().connected()
              ? "'statistics' and input 'reference' both say what real images are like; leave one out"
              : "nothing says what real images are like; wire 'reference', or name a .npz file of mu and "
                "sigma as 'statistics'");
    if (setup.has("statistics")) read(setup);
  }

 private:
  void read(Setup& setup) {
    const std::filesystem::path path = setup.readable("statistics");
    try {
      real_ = read_statistics(path);
    } catch (const std::runtime_error& error) {
      setup.fail_at("statistics", error.what());
    }
    if (static_cast<std::int64_t>(real_.size) != samples().spec.shape[1])
      setup.fail_at("statistics", fmt::format("'{}' is of {} features, but input 'samples' is {}",
                                              path.string(), real_.size, to_string(samples().spec.shape)));
  }

  std::vector<double> measure(const Features& samples, const Features& reference) override {
    const FeatureStatistics real = reference.count() ? statistics_of(reference) : real_;
    std::vector<double> scores = {dagfusion::frechet_distance(statistics_of(samples), real)};
    if (at_infinity_) scores.push_back(extrapolated(samples, real));
    return scores;
  }

  static double extrapolated(const Features& samples, const FeatureStatistics& real) {
    const std::size_t most = samples.count(), least = kLeastSize < most ? kLeastSize : most / 10;
    if (least < 2)
      throw std::runtime_error(fmt::format("a tenth of {} images is too few for 'at_infinity'", most));
    NumpyOrder order(kSubsetSeed);
    std::vector<double> share, distances;
    for (std::size_t i = 0; i < kSizes; ++i) {
      const std::size_t count = least + (most - least) * i / (kSizes - 1);
      share.push_back(1 / static_cast<double>(count));
      const Features some = some_of(samples, order.choice(most, count));
      distances.push_back(dagfusion::frechet_distance(statistics_of(some), real));
    }
    return line_at_zero(share, distances);
  }

  bool at_infinity_;
  FeatureStatistics real_;  // of the file
};

}  // namespace

NodeType frechet_distance() {
  return {.name = "frechet_distance",
          .summary = "Measures how far features of generated images are from those of real ones: FID.",
          .stands_for = {"measure"},
          .paper = "Heusel et al. 2017, arXiv:1706.08500, eq. 6",
          .example = "{type: frechet_distance, in: {samples: drawn_features, reference: real_features}}",
          .role = Role::ordered,
          .inputs = feature_inputs(true),
          .parameters = {measure_name("frechet"),
                         {.name = "statistics",
                          .kind = Kind::text,
                          .doc = ".npz file with mu and sigma of real images, instead of `reference`"},
                         {.name = "at_infinity",
                          .kind = Kind::boolean,
                          .doc = "also the distance that endlessly many images would have",
                          .standard = false}},
          .create = make_node<FrechetDistance>};
}

}  // namespace dagfusion
