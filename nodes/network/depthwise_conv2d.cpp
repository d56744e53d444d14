// depthwise_conv2d: convolves every channel with a kernel of its own.
// Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
// arXiv:1704.04861, eq. 3; initial weights as in Glorot and Bengio 2010, eq. 16, times init_scale.
//
//   y[n,c,p,q] = bias[c] + sum over r,s of weight[c,0,r,s] * x[n, c, p*stride + r - a, q*stride + s - a]
//
// x: [N,C,H,W], zero outside; y: [N,C,P,Q]; weight: [C,1,kernel,kernel]; bias: [C]; a = (kernel-1)/2.
// Backward, each sum over what is in range:
//   dx[n,c,h,w]      = sum over r,s of weight[c,0,r,s] * dy[n,c,p,q], p*stride + r - a = h and q*stride + s - a = w
//   dweight[c,0,r,s] = sum over n,p,q of dy[n,c,p,q] * x[n, c, p*stride + r - a, q*stride + s - a]
//   dbias[c]         = sum over n,p,q of dy[n,c,p,q]

#include <fmt/format.h>

#include <algorithm>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/network/convolution_weight.h"
#include "nodes/network/weight_parameters.h"

namespace dagfusion {
namespace {

constexpr std::int64_t kLargestKernel = 7;

class DepthwiseConv2d final : public DifferentiableMap {
 public:
  explicit DepthwiseConv2d(Setup& setup)
      : x_(setup.input("x")), kernel_(setup.integer("kernel")), stride_(setup.integer("stride")) {
    if (kernel_ % 2 == 0 || kernel_ < 1 || kernel_ > kLargestKernel)
      setup.fail_at("kernel", fmt::format("'kernel' is {}; it can be 1, 3, 5 or 7", kernel_));
    const Shape& x = x_.spec.shape;
    const auto steps = [&](std::int64_t size) { return (size - 1) / stride_ + 1; };
    y_ = setup.output("y", {x[0], x[1], steps(x[2]), steps(x[3])});
    block_ = x_.spec.block;
    blocks_ = blocks_of(x[1], x_.spec.block);
    weight_ = setup.weight("weight", {x[1], 1, kernel_, kernel_}, glorot(setup, 2 * taps()), stored());
    if (setup.flag("bias"))
      bias_ = setup.weight("bias", {x[1]}, {}, stored_channels(static_cast<int>(x[1]), x_.spec.block));
    setup.accumulate_reads(x_);
    setup.multiply_adds(count_of(y_.spec.shape) * taps());
  }

  void prepare(Preparation& preparation) override {
    ways_ = ways_over(static_cast<std::int64_t>(x_.spec.stored_elements()) * taps(), preparation.ways);
  }

  void forward(Call& call) const override {
    in_maps([&](std::int64_t map, std::int64_t channel) {
      const float* x = call.in<float>(x_) + map * x_size();
      float* y = call.out<float>(y_) + map * y_size();
      for (std::int64_t p = 0; p < y_size(); p += block_)
        for (std::int64_t c = 0; c < block_; ++c)
          y[p + c] = bias_.present() ? call.weight(bias_)[channel + c] : 0.0f;
      const float* w = call.weight(weight_) + channel * taps();
      for_taps([&](std::int64_t from, std::int64_t to, std::int64_t tap) {
        for (std::int64_t c = 0; c < block_; ++c) y[to + c] += w[tap + c] * x[from + c];
      });
    });
  }

  void backward(Call& call) const override {
    float* wanted = call.d<float>(x_);
    if (!wanted) return;
    in_maps([&](std::int64_t map, std::int64_t channel) {
      float* dx = wanted + map * x_size();
      const float *dy = call.d<float>(y_) + map * y_size(), *w = call.weight(weight_) + channel * taps();
      std::fill_n(dx, x_size(), 0.0f);
      for_taps([&](std::int64_t from, std::int64_t to, std::int64_t tap) {
        for (std::int64_t c = 0; c < block_; ++c) dx[from + c] += w[tap + c] * dy[to + c];
      });
    });
  }

  // Image by image, so that the sum over a step has the same bits for every micro-batch.
  void accumulate(Call& call) const override {
    float *dweight = call.d(weight_), *dbias = bias_.present() ? call.d(bias_) : nullptr;
    const std::int64_t channels = blocks_ * block_;
    if (call.first_of_step()) {
      std::fill_n(dweight, channels * taps(), 0.0f);
      if (dbias) std::fill_n(dbias, channels, 0.0f);
    }
    for (std::int64_t map = 0; map < x_.spec.shape[0] * blocks_; ++map) {
      const std::int64_t channel = map % blocks_ * block_;
      const float *x = call.in<float>(x_) + map * x_size(), *dy = call.d<float>(y_) + map * y_size();
      float* dw = dweight + channel * taps();
      for_taps([&](std::int64_t from, std::int64_t to, std::int64_t tap) {
        for (std::int64_t c = 0; c < block_; ++c) dw[tap + c] += dy[to + c] * x[from + c];
      });
      for (std::int64_t p = 0; dbias && p < y_size(); p += block_)
        for (std::int64_t c = 0; c < block_; ++c) dbias[channel + c] += dy[p + c];
    }
  }

 private:
  std::int64_t taps() const { return kernel_ * kernel_; }
  std::int64_t x_size() const {
    return x_.spec.shape[2] * x_.spec.shape[3] * block_;
  }  // of a block of channels
  std::int64_t y_size() const { return y_.spec.shape[2] * y_.spec.shape[3] * block_; }

  // [C/b, tap, b]
  StoredLayout stored() const {
    const std::int64_t channels = x_.spec.shape[1], block = block_, all = taps();
    const auto at = [=](std::int64_t c, std::int64_t tap) {
      return (c / block * all + tap) * block + c % block;
    };
    return {.key = "Cs" + std::to_string(block) + "c",
            .elements = static_cast<std::size_t>(blocks_ * block_ * all),
            .store =
                [=](const float* from, float* to) {
                  for (std::int64_t c = 0; c < channels; ++c)
                    for (std::int64_t tap = 0; tap < all; ++tap) to[at(c, tap)] = *from++;
                },
            .load =
                [=](const float* from, float* to) {
                  for (std::int64_t c = 0; c < channels; ++c)
                    for (std::int64_t tap = 0; tap < all; ++tap) *to++ = from[at(c, tap)];
                }};
  }

  // f(block of channels of an image, its first channel), on many threads.
  template <class F>
  void in_maps(const F& f) const {
    in_runs(static_cast<std::size_t>(x_.spec.shape[0] * blocks_), ways_,
            [&](std::size_t first, std::size_t end) {
              for (auto map = static_cast<std::int64_t>(first); map < static_cast<std::int64_t>(end); ++map)
                f(map, map % blocks_ * block_);
            });
  }

  // f(where a pixel lies in x, where the output that it goes to in y, where its weights): of one block of channels.
  template <class F>
  void for_taps(const F& f) const {
    const std::int64_t height = x_.spec.shape[2], width = x_.spec.shape[3], before = (kernel_ - 1) / 2;
    for (std::int64_t p = 0; p < y_.spec.shape[2]; ++p)
      for (std::int64_t q = 0; q < y_.spec.shape[3]; ++q)
        for (std::int64_t r = 0; r < kernel_; ++r)
          for (std::int64_t s = 0; s < kernel_; ++s) {
            const std::int64_t h = p * stride_ + r - before, w = q * stride_ + s - before;
            if (h < 0 || h >= height || w < 0 || w >= width) continue;
            f((h * width + w) * block_, (p * y_.spec.shape[3] + q) * block_, (r * kernel_ + s) * block_);
          }
  }

  Input x_;
  Output y_;
  std::int64_t kernel_, stride_, block_ = 8, blocks_ = 1;
  Weight weight_, bias_;
  int ways_ = 1;
};

}  // namespace

NodeType depthwise_conv2d() {
  return {.name = "depthwise_conv2d",
          .summary = "Convolves every channel with a kernel of its own.",
          .stands_for = {"convolution"},
          .paper = "Howard et al. 2017, arXiv:1704.04861, eq. 3",
          .example = "{type: depthwise_conv2d, in: x, kernel: 3}",
          .role = Role::map,
          .inputs = {{"x", "[N,C,H,W] f32 blocked", "feature maps"}},
          .outputs = {{"y", "[N,C,P,Q] f32 blocked", "feature maps of as many channels"}},
          .parameters = {{.name = "kernel",
                          .kind = Kind::integer,
                          .doc = "side of the kernel: 1, 3, 5 or 7",
                          .standard = std::int64_t{3}},
                         {.name = "stride",
                          .kind = Kind::integer,
                          .doc = "1, or 2 to halve the sides",
                          .standard = std::int64_t{1},
                          .minimum = 1,
                          .maximum = 2},
                         bias_parameter("add one value for each channel"),
                         init_scale_parameter()},
          .create = make_node<DepthwiseConv2d>};
}

}  // namespace dagfusion
