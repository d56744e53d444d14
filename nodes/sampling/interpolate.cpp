// interpolate: a way from one tensor to another, an image of the run for each station.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, section 4.3 (lerp);
// Shoemake 1985, doi:10.1145/325165.325242; Song et al. 2021, arXiv:2010.02502, appendix D.5 (slerp, between noises).
//
//   s = k / (count - 1) of image k of the run
//   lerp   y = (1 - s) * a + s * b
//   slerp  y = (sin((1 - s) w) * a + sin(s w) * b) / sin(w),  cos(w) = <a, b> / (|a| |b|), over all numbers of the image
//
// a, b, y: [N,...].
#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

constexpr double kNearlyParallel = 1e-6;  // sin(w) below which both agree

class Interpolate final : public Map {
 public:
  explicit Interpolate(Setup& setup)
      : a_(setup.input("a")),
        b_(setup.input("b")),
        y_(setup.output("y")),
        stations_(setup.integer("count")),
        sphere_(setup.text("method") == "slerp"),
        each_(count_of(y_.spec.shape) / y_.spec.shape[0]) {}

  void forward(Call& call) const override {
    for (std::int64_t n = 0; n < y_.spec.shape[0]; ++n) {
      const double s = std::min(double(call.position() + n) / double(stations_ - 1), 1.0);
      const float *a = call.in<float>(a_) + n * each_, *b = call.in<float>(b_) + n * each_;
      const auto [of_a, of_b] = sphere_ ? on_the_sphere(a, b, s) : std::pair{1 - s, s};
      kernels::axpby(static_cast<float>(of_a), a, static_cast<float>(of_b), b,
                     call.out<float>(y_) + n * each_, static_cast<std::size_t>(each_));
    }
  }

 private:
  std::pair<double, double> on_the_sphere(const float* a, const float* b, double s) const {
    double product = 0;
    for (std::int64_t i = 0; i < each_; ++i) product += double(a[i]) * b[i];
    const auto n = static_cast<std::size_t>(each_);
    const double lengths = std::sqrt(kernels::sum_of_squares(a, n) * kernels::sum_of_squares(b, n));
    const double w = lengths > 0 ? std::acos(std::clamp(product / lengths, -1.0, 1.0)) : 0;
    if (std::sin(w) < kNearlyParallel) return {1 - s, s};
    return {std::sin((1 - s) * w) / std::sin(w), std::sin(s * w) / std::sin(w)};
  }

  Input a_, b_;
  Output y_;
  std::int64_t stations_;
  bool sphere_;
  std::int64_t each_;  // numbers of one image
};

}  // namespace

NodeType interpolate() {
  return {.name = "interpolate",
          .summary = "A way from one tensor to another, an image of the run for each station.",
          .paper = "Ho et al. 2020, arXiv:2006.11239, section 4.3; Shoemake 1985, doi:10.1145/325165.325242",
          .example = "{type: interpolate, in: {a: one, b: other}, count: 8, method: slerp}",
          .inputs = {{"a", "[N,...] f32", "where it starts"}, {"b", "[N,...] f32", "where it ends"}},
          .outputs = {{"y", "[N,...] f32", "the station of each image"}},
          .parameters = {{.name = "count", .doc = "stations, with both ends", .required = true, .minimum = 2},
                         {.name = "method",
                          .kind = Kind::choice,
                          .doc = "straight, or along a sphere, as noise wants it",
                          .standard = std::string("lerp"),
                          .choices = {"lerp", "slerp"}}},
          .create = make_node<Interpolate>};
}

}  // namespace dagfusion
