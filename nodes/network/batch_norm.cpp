// batch_norm: every channel is brought to mean 0 and deviation 1, over images and pixels; then scaled and shifted.
// Ioffe and Szegedy 2015, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
// arXiv:1502.03167, algorithm 1; over a part of the batch: Hoffer et al. 2017, arXiv:1705.08741 ("ghost" normalisation).
//
//   y = weight * z + bias,  z = (x - mean) / sqrt(var + eps)
//
// x, y: [N,C,H,W]; weight, bias: [C]. Sums are taken in float64.
// statistics `running`: in training those of the images of this frame, and after each step
//     running_mean += momentum * (mean - running_mean);  running_var alike, with the variance divided by N H W - 1
//   by what the frames of the step had on average; running_mean and running_var are weights, [C], which no optimiser trains,
//   clips or decays, and by which a model that is not trained normalises: drawing, previews, validation.
//   With one frame in a step (micro_batch = batch_size) these are the numbers of PyTorch.
// statistics `frame`: mean and variance (divided by N H W) of the images of this frame, also when nothing is trained: what
//   it gives depends on micro_batch, and on the other images.
// statistics `fixed`: the weights running_mean and running_var, in training too, where they stay as they are: of a network
//   that was trained elsewhere.
// Backward, m = mean over n,h,w:
//   dbias = sum of dy;  dweight = sum of dy * z
//   of the frame: dx = weight / sqrt(var + eps) * (dy - m(dy) - z * m(dy * z))
//   fixed:        dx = weight / sqrt(var + eps) * dy

#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "nodes/network/convolution_weight.h"

namespace dagfusion {
namespace {

class BatchNorm final : public DifferentiableMap {
 public:
  explicit BatchNorm(Setup& setup)
      : x_(setup.input("x")),
        y_(setup.output("y")),
        eps_(setup.real("eps")),
        momentum_(setup.real("momentum")),
        fixed_(kept_statistics(setup)),
        running_(setup.text("statistics") == "running"),
        share_of_step_(setup.run().training ? static_cast<double>(x_.spec.shape[0]) /
                                                  static_cast<double>(setup.run().batch_size)
                                            : 1) {
    const Shape& shape = x_.spec.shape;
    channels_ = filled_up(static_cast<std::int64_t>(shape[1]), x_.spec.block);
    pixels_ = shape[2] * shape[3];
    const StoredLayout stored = stored_channels(static_cast<int>(shape[1]), x_.spec.block);
    weight_ = setup.weight("weight", {shape[1]}, {.value = 1}, stored);
    bias_ = setup.weight("bias", {shape[1]}, {}, stored);
    if (setup.text("statistics") != "frame") {
      running_mean_ = setup.weight("running_mean", {shape[1]}, {}, stored);
      running_var_ = setup.weight("running_var", {shape[1]}, {.value = 1}, stored);
    }
    statistics_ = setup.saved("statistics", {.shape = {3, channels_}}, Span::forward_to_accumulate);
    shares_ = setup.saved("shares", {.shape = {2, channels_}}, Span::backward_to_accumulate);
    setup.backward_reads(x_);
  }

  void prepare(Preparation& preparation) override {
    preparation.scratch(2 * static_cast<std::size_t>(channels_) * sizeof(double));
  }

  void forward(Call& call) const override {
    float* mean = call.saved<float>(statistics_);
    float* share = mean + channels_;  // 1 / sqrt(var + eps)
    find_statistics(call, mean, share, share + channels_);
    const float *weight = call.weight(weight_), *bias = call.weight(bias_);
    const float* x = call.in<float>(x_);
    float* y = call.out<float>(y_);
    for_pixels([&](std::int64_t at, std::int64_t c) {
      y[at] = weight[c] * ((x[at] - mean[c]) * share[c]) + bias[c];
    });
  }

  void backward(Call& call) const override {
    const float *mean = call.saved<float>(statistics_), *share = mean + channels_,
                *weight = call.weight(weight_);
    const float *x = call.in<float>(x_), *dy = call.d<float>(y_);
    auto *sum = reinterpret_cast<double*>(call.scratch()), *product = sum + channels_;
    std::fill_n(sum, 2 * channels_, 0.0);
    for_pixels([&](std::int64_t at, std::int64_t c) {
      sum[c] += dy[at];
      product[c] += double{dy[at]} * ((x[at] - mean[c]) * share[c]);
    });
    float* shares = call.saved<float>(shares_);
    std::copy_n(sum, 2 * channels_, shares);
    float* dx = call.d<float>(x_);
    if (!dx) return;
    const auto n = static_cast<float>(x_.spec.shape[0] * pixels_);
    for_pixels([&](std::int64_t at, std::int64_t c) {
      const float z = (x[at] - mean[c]) * share[c];
      const float own = fixed_ ? dy[at] : dy[at] - (shares[c] + z * shares[channels_ + c]) / n;
      dx[at] = weight[c] * share[c] * own;
    });
  }

  void accumulate(Call& call) const override {
    const float* shares = call.saved<float>(shares_);
    float *dweight = call.d(weight_), *dbias = call.d(bias_);
    if (call.first_of_step()) {
      for (const Weight& w : {weight_, bias_, running_mean_, running_var_})
        if (w.present()) std::fill_n(call.d(w), channels_, 0.0f);
    }
    for (std::int64_t c = 0; c < channels_; ++c) {
      dbias[c] += shares[c];
      dweight[c] += shares[channels_ + c];
    }
    if (running_) accumulate_statistics(call);
  }

 private:
  // Whether they are those of the weights, not of the images at hand.
  static bool kept_statistics(const Setup& setup) {
    return setup.text("statistics") == "fixed" ||
           (setup.text("statistics") == "running" && !setup.run().training);
  }

  // How far the running averages go because of this frame.
  void accumulate_statistics(Call& call) const {
    const float *mean = call.saved<float>(statistics_), *var = mean + 2 * channels_;
    const float *running_mean = call.weight(running_mean_), *running_var = call.weight(running_var_);
    float *of_mean = call.d(running_mean_), *of_var = call.d(running_var_);
    const auto n = static_cast<double>(x_.spec.shape[0] * pixels_);
    const double unbiased = n > 1 ? n / (n - 1) : 1, share = momentum_ * share_of_step_;
    for (std::int64_t c = 0; c < channels_; ++c) {
      of_mean[c] += static_cast<float>(share * (double{mean[c]} - running_mean[c]));
      of_var[c] += static_cast<float>(share * (unbiased * var[c] - running_var[c]));
    }
  }

  // f(where a number lies, its channel), a block of channels after the other.
  template <class F>
  void for_pixels(const F& f) const {
    const std::int64_t block = x_.spec.block, size = pixels_ * block, blocks = channels_ / block;
    for (std::int64_t map = 0; map < x_.spec.shape[0] * blocks; ++map)
      for (std::int64_t p = 0; p < size; p += block)
        for (std::int64_t c = 0; c < block; ++c) f(map * size + p + c, map % blocks * block + c);
  }

  void find_statistics(Call& call, float* mean, float* share, float* var) const {
    if (fixed_) {
      std::copy_n(call.weight(running_mean_), channels_, mean);
      std::copy_n(call.weight(running_var_), channels_, var);
      for (std::int64_t c = 0; c < channels_; ++c)
        share[c] = static_cast<float>(1 / std::sqrt(double{var[c]} + eps_));
      return;
    }
    auto *sum = reinterpret_cast<double*>(call.scratch()), *square = sum + channels_;
    std::fill_n(sum, 2 * channels_, 0.0);
    const auto n = static_cast<double>(x_.spec.shape[0] * pixels_);
    const float* x = call.in<float>(x_);
    for_pixels([&](std::int64_t at, std::int64_t c) { sum[c] += x[at]; });
    for (std::int64_t c = 0; c < channels_; ++c) sum[c] /= n;
    for_pixels([&](std::int64_t at, std::int64_t c) { square[c] += (x[at] - sum[c]) * (x[at] - sum[c]); });
    for (std::int64_t c = 0; c < channels_; ++c) {
      mean[c] = static_cast<float>(sum[c]);
      var[c] = static_cast<float>(square[c] / n);
      share[c] = static_cast<float>(1 / std::sqrt(square[c] / n + eps_));
    }
  }

  Input x_;
  Output y_;
  double eps_;
  double momentum_;
  bool fixed_, running_;
  double share_of_step_;                    // of the images of a step, those of one frame
  std::int64_t channels_ = 0, pixels_ = 1;  // channels with those that fill the last block up
  Weight weight_, bias_, running_mean_, running_var_;
  Saved statistics_, shares_;  // mean, 1 / deviation and variance; sums of dy and of dy * z
};

}  // namespace

NodeType batch_norm() {
  return {.name = "batch_norm",
          .summary =
              "Brings every channel to mean 0 and deviation 1 over images and pixels, with running averages.",
          .stands_for = {"normalisation"},
          .paper = "Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1",
          .example = "{type: batch_norm, in: x}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] f32 blocked", "feature maps"}},
          .outputs = {{"y", "[N,C,H,W] f32 blocked", "the same, normalised"}},
          .parameters =
              {{.name = "statistics",
                .kind = Kind::choice,
                .doc = "`running`: of the images at hand in training, else running averages of those; "
                       "`frame`: always of the images at hand; `fixed`: always running_mean and running_var",
                .standard = std::string("running"),
                .choices = {"running", "frame", "fixed"}},
               {.name = "momentum",
                .kind = Kind::real,
                .doc = "of `running`: share of the way that the averages go to the statistics of a step",
                .standard = 0.1,
                .minimum = 0,
                .maximum = 1,
                .above_minimum = true},
               {.name = "eps",
                .kind = Kind::real,
                .doc = "added to the variance",
                .standard = 1e-5,
                .minimum = 0,
                .maximum = 1,
                .above_minimum = true}},
          .create = make_node<BatchNorm>};
}

}  // namespace dagfusion
