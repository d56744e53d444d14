// prior_bits: what the bound pays because the noisiest images are not quite pure noise.
// Ho et al. 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, eq. 5 (L_T).
//
//   bits = mean over C,H,W of KL(q(x[T] | x0) || N(0,1)) / ln 2 = mean of (-1 - ln s^2 + s^2 + (a x0)^2) / (2 ln 2)
//
// a, s: alpha and sigma at the last time. x0: [N,...]; bits: [N], per dimension.
#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class PriorBits final : public Map {
 public:
  explicit PriorBits(Setup& setup)
      : level_(last_level(setup)),
        x0_(setup.input("x0")),
        bits_(setup.output("bits")),
        images_(static_cast<int>(x0_.spec.shape[0])),
        each_(static_cast<std::size_t>(count_of(x0_.spec.shape) / images_)) {}

  void forward(Call& call) const override {
    const float* x0 = call.in<float>(x0_);
    float* bits = call.out<float>(bits_);
    const double variance = level_.sigma * level_.sigma, kept = level_.alpha * level_.alpha;
    for (int n = 0; n < images_; ++n) {
      const double square = kernels::sum_of_squares(x0 + n * each_, each_) / static_cast<double>(each_);
      // ln s^2 - s^2 + 1 is lost in rounding where s^2 = 1 - a^2 is near 1: log1p keeps it.
      const double spread = -std::log1p(variance - 1) + (variance - 1);
      bits[n] = static_cast<float>((spread + kept * square) / (2 * std::numbers::ln2));
    }
  }

 private:
  static NoiseLevel last_level(Setup& setup) {
    const auto& process = setup.resource<NoiseProcess>("diffusion");
    if (process.largest_noise() != 1)
      setup.fail(
          fmt::format("compares with noise of variance 1, but images of 'process' {} end with a "
                      "deviation of {}",
                      process.name(), process.largest_noise()));
    return process.level(process.most());
  }

  NoiseLevel level_;
  Input x0_;
  Output bits_;
  int images_;
  std::size_t each_;  // numbers of one image
};

}  // namespace

NodeType prior_bits() {
  return {.name = "prior_bits",
          .summary = "What the variational bound pays because the noisiest images are not pure noise.",
          .paper = "Ho et al. 2020, arXiv:2006.11239, eq. 5 (L_T)",
          .example = "{type: prior_bits, in: x0}",
          .inputs = {{"x0", "[N,...] f32", "clean images in [-1,1]"}},
          .outputs = {{"bits", "[N] f32", "bits per dimension"}},
          .create = make_node<PriorBits>};
}

}  // namespace dagfusion
