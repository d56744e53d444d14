// inception_score: how sure a classifier is of single images, and how evenly they fall on its classes.
// Salimans et al. 2016, "Improved Techniques for Training GANs", arXiv:1606.03498, section 4.
//
//   score = exp(mean over n of sum over k of p[n,k] (log p[n,k] - log q[k]))
//   p[n] = softmax(logits[n]),  q = mean over n of p[n]
//
// The mean over `splits` parts of the images, and its deviation. From 1, where all images are of one class, to the number of classes.
// logits: [N,K]; those of Inception are taken without the bias of its last layer.
// With `drawn_order`, images come in torch-fidelity's order (seed 2020).
// Writes <name>.csv into the run's directory: images, score, deviation.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "nodes/measures/features.h"
#include "nodes/measures/numpy_order.h"

namespace dagfusion {
namespace {

constexpr std::uint32_t kShuffleSeed = 2020;

// log softmax of one row.
std::vector<double> log_shares(const float* logits, std::size_t classes) {
  const double most = *std::max_element(logits, logits + classes);
  double sum = 0;
  for (std::size_t k = 0; k < classes; ++k) sum += std::exp(logits[k] - most);
  std::vector<double> logs(classes);
  for (std::size_t k = 0; k < classes; ++k) logs[k] = logits[k] - most - std::log(sum);
  return logs;
}

double score_of(const Features& logits) {
  const auto count = static_cast<double>(logits.count());
  std::vector<double> mean(logits.size);
  double own = 0;  // mean of sum p log p
  for (std::size_t n = 0; n < logits.count(); ++n) {
    const std::vector<double> logs = log_shares(logits.row(n), logits.size);
    for (std::size_t k = 0; k < logits.size; ++k) {
      const double p = std::exp(logs[k]);
      own += p * logs[k] / count;
      mean[k] += p / count;
    }
  }
  double all = 0;
  for (const double q : mean)
    if (q > 0) all += q * std::log(q);
  return std::exp(own - all);
}

class InceptionScore final : public FeatureMeasure {
 public:
  explicit InceptionScore(Setup& setup)
      : FeatureMeasure(setup, "logits", "", {"score", "deviation"}),
        splits_(static_cast<std::size_t>(setup.integer("splits"))),
        drawn_order_(setup.flag("drawn_order")) {}

 private:
  std::vector<double> measure(const Features& logits, const Features&) override {
    const std::size_t count = logits.count();
    if (count < splits_)
      throw std::runtime_error(fmt::format("{} images cannot be cut into {} splits", count, splits_));
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (drawn_order_) order = NumpyOrder(kShuffleSeed).permutation(count);
    double sum = 0, squares = 0;
    std::vector<double> scores(splits_);
    for (std::size_t i = 0; i < splits_; ++i) {
      const std::size_t first = i * count / splits_, end = (i + 1) * count / splits_;
      scores[i] = score_of(some_of(logits, std::span(order).subspan(first, end - first)));
      sum += scores[i];
    }
    const double mean = sum / static_cast<double>(splits_);
    for (const double s : scores) squares += (s - mean) * (s - mean);
    return {mean, std::sqrt(squares / static_cast<double>(splits_))};
  }

  std::size_t splits_;
  bool drawn_order_;
};

}  // namespace

NodeType inception_score() {
  return {.name = "inception_score",
          .summary = "Measures how surely and how evenly a classifier sorts generated images.",
          .stands_for = {"measure"},
          .paper = "Salimans et al. 2016, arXiv:1606.03498",
          .example = "{type: inception_score, in: drawn.logits}",
          .role = Role::ordered,
          .inputs = {{"logits", "[N,K] f32", "what the classifier gives for each class"}},
          .parameters = {measure_name("inception_score"),
                         {.name = "splits",
                          .kind = Kind::integer,
                          .doc = "parts of the images that are measured alone",
                          .standard = std::int64_t{10},
                          .minimum = 1,
                          .maximum = 10000},
                         {.name = "drawn_order",
                          .kind = Kind::boolean,
                          .doc = "cut the images into parts in a drawn order, not in their own",
                          .standard = true}},
          .create = make_node<InceptionScore>};
}

}  // namespace dagfusion
