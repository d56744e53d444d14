// time_embedding: turns the timestep of each image into sines and cosines of falling frequency.
// Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, section 3.5;
// as used by Ho et al. 2020, arXiv:2006.11239.
//
//   frequency[i] = max_period^(-i / (half - freq_shift)),  i = 0 … half-1,  half = D/2
//   y = [sin(t * frequency), cos(t * frequency)]       (order: sin_cos)
//
// t: [N], any real number; y: [N,D]. Ho et al. take sin_cos and freq_shift 1; OpenAI's code takes cos_sin and
// 0. No gradient flows back: a timestep is not learned.

#include <fmt/format.h>

#include <cmath>
#include <utility>
#include <vector>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class TimeEmbedding final : public Map {
 public:
  explicit TimeEmbedding(Setup& setup)
      : dim_(setup.integer("dim")),
        freq_shift_(setup.integer("freq_shift")),
        sine_first_(setup.text("order") == "sin_cos"),
        max_period_(setup.real("max_period")) {
    if (dim_ % 2 != 0) {
      setup.fail_at("dim", fmt::format("'dim' is {}, which has no halves for sine and cosine; {} would do",
                                       dim_, dim_ + 1));
    }
    if (dim_ / 2 <= freq_shift_) {
      setup.fail_at("dim", fmt::format("'dim' is {}, too few for 'freq_shift' {}; at least {} would do", dim_,
                                       freq_shift_, 2 * freq_shift_ + 2));
    }
    t_ = setup.input("t");
    y_ = setup.output("y", {t_.spec.shape[0], dim_});
  }

  void prepare(Preparation&) override {
    const std::int64_t half = dim_ / 2;
    for (std::int64_t i = 0; i < half; ++i) {
      frequencies_.push_back(std::exp(-std::log(max_period_) * i / (half - freq_shift_)));
    }
  }

  void forward(Call& call) const override {
    const float* t = call.in<float>(t_);
    float* y = call.out<float>(y_);
    const std::int64_t half = dim_ / 2;
    for (std::int64_t n = 0; n < t_.spec.shape[0]; ++n, y += dim_) {
      for (std::int64_t i = 0; i < half; ++i) {
        const double angle = t[n] * frequencies_[i];
        y[sine_first_ ? i : half + i] = static_cast<float>(std::sin(angle));
        y[sine_first_ ? half + i : i] = static_cast<float>(std::cos(angle));
      }
    }
  }

 private:
  std::int64_t dim_, freq_shift_;
  bool sine_first_;
  double max_period_;
  Input t_;
  Output y_;
  std::vector<double> frequencies_;
};

}  // namespace

NodeType time_embedding() {
  return {
      .name = "time_embedding",
      .summary = "Turns the timestep of each image into sines and cosines of falling frequency.",
      .stands_for = {"embedding"},
      .paper = "Vaswani et al. 2017, arXiv:1706.03762, section 3.5",
      .example = "{type: time_embedding, in: t, dim: 64}",
      .role = Role::map,
      .inputs = {{"t", "[N] f32", "timestep of each image; fractions are allowed"}},
      .outputs = {{"y", "[N,D] f32", "the embedding"}},
      .parameters =
          {{.name = "dim",
            .kind = Kind::integer,
            .doc = "numbers per image, even",
            .required = true,
            .minimum = 2,
            .maximum = 65536},
           {.name = "order",
            .kind = Kind::choice,
            .doc = "which half comes first: sin_cos as Ho et al., cos_sin as OpenAI",
            .standard = std::string("sin_cos"),
            .choices = {"sin_cos", "cos_sin"}},
           {.name = "freq_shift",
            .kind = Kind::integer,
            .doc = "1: the last frequency is exactly 1/max_period (Ho et al.); 0: one step before (OpenAI)",
            .standard = std::int64_t{1},
            .minimum = 0,
            .maximum = 1},
           {.name = "max_period",
            .kind = Kind::real,
            .doc = "inverse of the lowest frequency",
            .standard = 10000.0,
            .minimum = 1,
            .above_minimum = true}},
      .stops_gradient = true,
      .create = make_node<TimeEmbedding>};
}

}  // namespace dagfusion
