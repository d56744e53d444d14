// split_channels: the two halves of what a model gives that learns its variance: prediction first, then variance.
// Nichol, Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672, section 3.1.
//
//   prediction = x[:, 0 … C/2 - 1], variance = x[:, C/2 … C - 1] ;  d(x) = both gradients, side by side
//
// x: [N,C,H,W], C even; prediction, variance: [N,C/2,H,W].
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class SplitChannels final : public DifferentiableMap {
 public:
  explicit SplitChannels(Setup& setup) : x_(setup.input("x")) {
    Shape half = x_.spec.shape;
    if (half[1] % 2 != 0)
      setup.fail_at_input(
          "x", fmt::format("input 'x' has {} channels, which are not two halves; 'out_channels' of the model "
                           "is twice the channels of the images",
                           half[1]));
    half[1] /= 2;
    prediction_ = setup.output("prediction", half);
    variance_ = setup.output("variance", half);
    each_ = static_cast<std::size_t>(count_of(half) / half[0]);
  }

  void forward(Call& call) const override {
    const float* x = call.in<float>(x_);
    float *prediction = call.out<float>(prediction_), *variance = call.out<float>(variance_);
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n, x += 2 * each_) {
      std::copy_n(x, each_, prediction + n * each_);
      std::copy_n(x + each_, each_, variance + n * each_);
    }
  }

  void backward(Call& call) const override {
    float* dx = call.d<float>(x_);
    if (!dx) return;
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n)
      for (const Output& half : {prediction_, variance_}) {
        if (const float* d = call.d<float>(half))
          std::copy_n(d + n * each_, each_, dx);
        else
          std::fill_n(dx, each_, 0.0f);
        dx += each_;
      }
  }

 private:
  Input x_;
  Output prediction_, variance_;
  std::size_t each_;  // numbers of half an image
};

}  // namespace

NodeType split_channels() {
  return {.name = "split_channels",
          .summary = "The two halves of what a model gives that learns its variance.",
          .paper = "Nichol, Dhariwal 2021, arXiv:2102.09672, section 3.1",
          .example = "{type: split_channels, in: out}",
          .inputs = {{"x", "[N,C,H,W] f32", "what the model gave, with twice the channels of the images"}},
          .outputs = {{"prediction", "[N,D,H,W] f32", "the first half of the channels"},
                      {"variance", "[N,D,H,W] f32", "the second half"}},
          .create = make_node<SplitChannels>};
}

}  // namespace dagfusion
