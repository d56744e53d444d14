// pair_noise: hands the noise of a frame's images round, so that each image gets noise that is near to it.
// Li et al. 2024, "Immiscible Diffusion: Accelerating Diffusion Training with Noise Assignment", arXiv:2406.12303,
// algorithm 1; Tong et al. 2023, "Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal
// Transport", arXiv:2302.00482, section 3.2.3 (OT-CFM). Both ask for the same:
//
//   noise'[n] = noise[p(n)],  p: the permutation with the least sum over n of |x0[n] - noise[p(n)]|^2
//
// x0, noise, out: [N,...]. The best of all permutations of the images of one frame, not of the batch: with
// `run.micro_batch` as large as `batch_size` both are the same.
#include <cstring>

#include "graph/types/catalog.h"
#include "nodes/diffusion/assignment.h"

namespace dagfusion {
namespace {

class PairNoise final : public Map {
 public:
  explicit PairNoise(Setup& setup)
      : x0_(setup.input("x0")),
        noise_(setup.input("noise")),
        out_(setup.output("out")),
        images_(static_cast<int>(x0_.spec.shape[0])),
        each_(static_cast<std::size_t>(count_of(x0_.spec.shape) / images_)) {}

  void forward(Call& call) const override {
    const float *x0 = call.in<float>(x0_), *noise = call.in<float>(noise_);
    float* out = call.out<float>(out_);
    const int valid = call.valid();
    const std::vector<int> chosen = cheapest_assignment(costs(x0, noise, valid), valid);
    for (int n = 0; n < images_; ++n)
      std::memcpy(out + n * each_, noise + (n < valid ? chosen[n] : n) * each_, each_ * sizeof(float));
  }

 private:
  // |x0|^2 and |noise|^2 are in every sum: -<x0, noise> is what differs.
  std::vector<double> costs(const float* x0, const float* noise, int count) const {
    std::vector<double> cost(static_cast<std::size_t>(count) * count);
    for (int a = 0; a < count; ++a)
      for (int b = 0; b < count; ++b) {
        double product = 0;
        for (std::size_t i = 0; i < each_; ++i) product += double(x0[a * each_ + i]) * noise[b * each_ + i];
        cost[a * count + b] = -product;
      }
    return cost;
  }

  Input x0_, noise_;
  Output out_;
  int images_;
  std::size_t each_;  // numbers of one image
};

}  // namespace

NodeType pair_noise() {
  return {.name = "pair_noise",
          .summary = "Hands the noise of a frame's images round, so that each gets noise that is near to it.",
          .paper = "Li et al. 2024, arXiv:2406.12303, algorithm 1; Tong et al. 2023, arXiv:2302.00482",
          .example = "{type: pair_noise, in: {x0: x0, noise: noise}}",
          .inputs = {{"x0", "[N,...] f32", "clean images"}, {"noise", "[N,...] f32", "standard Gaussian"}},
          .outputs = {{"out", "[N,...] f32", "the same noise in another order"}},
          .create = make_node<PairNoise>};
}

}  // namespace dagfusion
