// fourier_features: waves of random frequency over the noise level, from which one linear layer makes any smooth curve.
// Tancik et al. 2020, "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains",
// arXiv:2006.10739; Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models" (EDM2),
// arXiv:2312.02696.
//
//   y[n,i] = sqrt(2) * cos(2 pi (bandwidth * f[i] * c + p[i])),  c = ln(s) / 4, s = sigma / alpha at time t[n]
//   f[i] ~ N(0,1), p[i] ~ Uniform[0,1), fixed by this node's stream; c is kept within [-10, 10]
//
// t: [N], a time of the section `diffusion`; y: [N,D]. No gradient flows back.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"
#include "nodes/kernels/gaussian.h"

namespace dagfusion {
namespace {

constexpr double kFarthest = 10;

class FourierFeatures final : public Map {
 public:
  explicit FourierFeatures(Setup& setup)
      : process_(setup.resource<NoiseProcess>("diffusion")),
        t_(setup.input("t")),
        dim_(setup.integer("dim")),
        bandwidth_(setup.real("bandwidth")) {
    y_ = setup.output("y", {t_.spec.shape[0], dim_});
    const auto key = stream_key(static_cast<std::uint64_t>(setup.integer("seed")), "fourier_features");
    std::vector<float> normal(dim_);
    kernels::gaussian({.key = key}, normal.data(), normal.size());
    for (std::int64_t i = 0; i < dim_; ++i)
      waves_.push_back({bandwidth_ * normal[i], uniform01(RandomStream{.key = key, .image = 1}.block(
                                                    static_cast<std::uint32_t>(i))[0])});
  }

  void forward(Call& call) const override {
    const float* t = call.in<float>(t_);
    float* y = call.out<float>(y_);
    for (std::int64_t n = 0; n < t_.spec.shape[0]; ++n) {
      const double c =
          std::clamp(std::log(process_.karras_sigma(process_.time(t[n]))) / 4, -kFarthest, kFarthest);
      for (const Wave& wave : waves_)
        *y++ = static_cast<float>(std::numbers::sqrt2 *
                                  std::cos(2 * std::numbers::pi * (wave.frequency * c + wave.phase)));
    }
  }

 private:
  struct Wave {
    double frequency, phase;
  };

  const NoiseProcess& process_;
  Input t_;
  Output y_;
  std::int64_t dim_;
  double bandwidth_;
  std::vector<Wave> waves_;
};

}  // namespace

NodeType fourier_features() {
  return {.name = "fourier_features",
          .summary = "Waves of random frequency over the noise level of each image.",
          .stands_for = {"embedding"},
          .paper = "Tancik et al. 2020, arXiv:2006.10739; Karras et al. 2024, arXiv:2312.02696",
          .example = "{type: fourier_features, in: t, dim: 128}",
          .inputs = {{"t", "[N] f32", "time of each image"}},
          .outputs = {{"y", "[N,D] f32", "the waves' heights, of mean square 1"}},
          .parameters = {{.name = "dim",
                          .doc = "how many waves",
                          .standard = std::int64_t{128},
                          .minimum = 1,
                          .maximum = 65536},
                         {.name = "bandwidth",
                          .kind = Kind::real,
                          .doc = "standard deviation of the frequencies",
                          .standard = 1.0,
                          .minimum = 0},
                         {.name = "seed",
                          .doc = "other waves; a model keeps its own",
                          .standard = std::int64_t{0},
                          .minimum = 0}},
          .stops_gradient = true,
          .create = make_node<FourierFeatures>};
}

}  // namespace dagfusion
