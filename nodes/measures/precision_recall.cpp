// precision_recall: how many generated images look real, and how much of what is real is generated.
// Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models", arXiv:1904.06991,
// eq. 1 and 2; density and coverage: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models",
// arXiv:2002.09797, eq. 3 and 4.
//
//   ball of an image: all within the distance to its k-th nearest neighbour of its own kind, itself not counted
//   precision = share of generated images that lie in the ball of any real one (k = neighbours)
//   recall    = share of real images that lie in the ball of any generated one
//   density   = mean over generated images of (balls of real images that hold it) / k   (k = density_neighbours)
//   coverage  = share of real images whose ball holds a generated one
//
// Distances are Euclidean, in float64. The first two take in the edge of a ball, the others do not.
// A generator that always gives the same few good images has high precision and low recall.
// samples, reference: [N,F]. Writes <name>.csv: images, precision, recall, density, coverage.

#include "nodes/measures/precision_recall.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/kernels/pairs.h"

namespace dagfusion {
namespace {

// f(i, squared distances of row i of `from` to all rows of `to`), on many threads.
template <class F>
void for_distances(const Features& from, const Features& to, const F& f) {
  constexpr std::size_t kTogether = 16;  // rows
  in_parallel((from.count() + kTogether - 1) / kTogether, [&](std::size_t part) {
    std::vector<double> distances(to.count());
    const std::size_t end = std::min(from.count(), (part + 1) * kTogether);
    for (std::size_t i = part * kTogether; i < end; ++i) {
      kernels::squared_distances(from.row(i), to.values.data(), to.count(), to.size, distances.data());
      f(i, distances);
    }
  });
}

// Squared radii of the balls around the rows, for both counts of neighbours.
struct Balls {
  std::vector<double> near, wide;
};

Balls balls_of(const Features& all, std::size_t near, std::size_t wide) {
  Balls balls{std::vector<double>(all.count()), std::vector<double>(all.count())};
  for_distances(all, all, [&](std::size_t i, std::vector<double>& distances) {
    distances[i] = std::numeric_limits<double>::infinity();  // itself is no neighbour
    const auto kth = [&](std::size_t k) {
      const auto at = distances.begin() + static_cast<std::ptrdiff_t>(k) - 1;
      std::nth_element(distances.begin(), at, distances.end());
      return *at;
    };
    balls.near[i] = kth(near);
    balls.wide[i] = kth(wide);
  });
  return balls;
}

double share(const std::vector<char>& which) {
  return static_cast<double>(std::count(which.begin(), which.end(), 1)) / static_cast<double>(which.size());
}

class PrecisionRecall final : public FeatureMeasure {
 public:
  explicit PrecisionRecall(Setup& setup)
      : FeatureMeasure(setup, "samples", "reference", {"precision", "recall", "density", "coverage"}),
        near_(static_cast<std::size_t>(setup.integer("neighbours"))),
        wide_(static_cast<std::size_t>(setup.integer("density_neighbours"))) {}

 private:
  std::vector<double> measure(const Features& samples, const Features& reference) override {
    if (const std::size_t k = std::max(near_, wide_); samples.count() <= k)
      throw std::runtime_error(fmt::format("among {} images none has {} neighbours", samples.count(), k));
    const PrecisionRecallScores s = precision_recall_scores(samples, reference, near_, wide_);
    return {s.precision, s.recall, s.density, s.coverage};
  }

  std::size_t near_, wide_;
};

}  // namespace

PrecisionRecallScores precision_recall_scores(const Features& samples, const Features& reference,
                                              std::size_t near, std::size_t wide) {
  const Balls real = balls_of(reference, near, wide), drawn = balls_of(samples, near, wide);
  std::vector<char> looks_real(samples.count()), is_drawn(reference.count()), is_covered(reference.count());
  std::vector<std::size_t> holds(samples.count());
  for_distances(samples, reference, [&](std::size_t i, const std::vector<double>& distances) {
    for (std::size_t j = 0; j < distances.size(); ++j) {
      if (distances[j] <= real.near[j]) looks_real[i] = 1;
      if (distances[j] < real.wide[j]) ++holds[i];
    }
  });
  for_distances(reference, samples, [&](std::size_t i, const std::vector<double>& distances) {
    for (std::size_t j = 0; j < distances.size(); ++j) {
      if (distances[j] <= drawn.near[j]) is_drawn[i] = 1;
      if (distances[j] < real.wide[i]) is_covered[i] = 1;
    }
  });
  double balls = 0;
  for (const std::size_t count : holds) balls += static_cast<double>(count);
  return {share(looks_real), share(is_drawn), balls / static_cast<double>(wide * samples.count()),
          share(is_covered)};
}

NodeType precision_recall() {
  return {
      .name = "precision_recall",
      .summary = "Measures how many generated images look real, and how much of what is real is generated.",
      .stands_for = {"measure"},
      .paper = "Kynkaanniemi et al. 2019, arXiv:1904.06991",
      .example = "{type: precision_recall, in: {samples: drawn_features, reference: real_features}}",
      .role = Role::ordered,
      .inputs = feature_inputs(),
      .parameters = {measure_name("precision_recall"),
                     {.name = "neighbours",
                      .kind = Kind::integer,
                      .doc = "how many a ball of precision and recall reaches to",
                      .standard = std::int64_t{3},
                      .minimum = 1,
                      .maximum = 10000},
                     {.name = "density_neighbours",
                      .kind = Kind::integer,
                      .doc = "the same for density and coverage",
                      .standard = std::int64_t{5},
                      .minimum = 1,
                      .maximum = 10000}},
      .create = make_node<PrecisionRecall>};
}

}  // namespace dagfusion
