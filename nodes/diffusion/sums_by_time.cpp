// sums_by_time: what loss_by_time needs of each frame: sums of the loss, and how many images there are in each.
//
//   sums[q] = sum of per_image / N over images in quartile q,  sums[4 + q] = how many of them / N
//   quartile q of t: at_share(q/4) <= t < at_share((q+1)/4)
//
// per_image, t: [N]; sums: [8]. at_share(u): the time that the noise process
// (nodes/diffusion/noise_process.h) draws for u in [0,1).
#include <array>

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"

namespace dagfusion {
namespace {

constexpr int kQuartiles = 4;

class SumsByTime final : public Map {
 public:
  explicit SumsByTime(Setup& setup)
      : per_image_(setup.input("per_image")), t_(setup.input("t")), sums_(setup.output("sums")) {
    const auto& process = setup.resource<NoiseProcess>("diffusion");
    for (int q = 1; q < kQuartiles; ++q)
      starts_[q] = static_cast<float>(process.at_share(static_cast<double>(q) / kQuartiles));
  }

  void forward(Call& call) const override {
    const float *per_image = call.in<float>(per_image_), *t = call.in<float>(t_);
    std::array<double, kQuartiles> losses{}, images{};
    for (int n = 0; n < call.valid(); ++n) {
      const int q = quartile(t[n]);
      losses[q] += per_image[n];
      images[q] += 1;
    }
    float* sums = call.out<float>(sums_);
    for (int q = 0; q < kQuartiles; ++q) {
      sums[q] = static_cast<float>(losses[q] / call.valid());
      sums[kQuartiles + q] = static_cast<float>(images[q] / call.valid());
    }
  }

 private:
  int quartile(float t) const {
    int q = 0;
    while (q + 1 < kQuartiles && t >= starts_[q + 1]) ++q;
    return q;
  }

  Input per_image_, t_;
  Output sums_;
  std::array<float, kQuartiles> starts_{};
};

}  // namespace

NodeType sums_by_time() {
  return {.name = "sums_by_time",
          .summary = "Sums of the loss by quartile of the noise, and how many images there are in each.",
          .example = "{type: sums_by_time, in: {per_image: loss.per_image, t: t}}",
          .inputs = {{"per_image", "[N] f32", "loss of each image"}, {"t", "[N] f32", "time of each image"}},
          .outputs = {{"sums", "[8] f32", "four sums of losses and four counts, by the frame's images"}},
          .stops_gradient = true,
          .create = make_node<SumsByTime>};
}

}  // namespace dagfusion
