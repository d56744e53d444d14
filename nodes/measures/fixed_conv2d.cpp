// fixed_conv2d: a convolution, batch normalisation and ReLU in one pass, with weights from a file: a layer of a network
// that only looks, such as FID's Inception. Nothing in it is trained, and no gradient comes back.
// Ioffe and Szegedy 2015, "Batch Normalization", arXiv:1502.03167, algorithm 2.
//
//   z = conv(x, w) + bias
//   y = act((z - mean) / sqrt(var + eps) * scale + shift) = act(conv(x, w * g) + (bias - mean) * g + shift)
//   g = scale / sqrt(var + eps), folded into the weights in float64
//
// x: [N,I,H,W]; w: [K,I,R,S]; y: [N,K,P,Q]. The file says how large the kernel is, and K.
// w: [I,1,R,S] where I > 1: every channel has a kernel of its own (depthwise, Howard et al. 2017, arXiv:1704.04861).
// In the file: <layer>.weight, and if it is there <layer>.bias; with `norm` <norm>.weight (if it is there), .bias,
// .running_mean and .running_var, which are PyTorch's names.
// padding `same`: (kernel-1)/2 zeros on every side; `none`; `tensorflow`: as many as make P = ceil(H / stride), the odd
// one at the bottom and on the right.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/kernels/convolution.h"
#include "nodes/kernels/winograd.h"
#include "nodes/measures/fixed_weights.h"
#include "nodes/network/convolution_weight.h"

namespace dagfusion {
namespace {

// Where the kernel goes over x, along one side.
struct Side {
  std::int64_t before, out;
};

Side side_of(const std::string& padding, std::int64_t size, std::int64_t kernel, std::int64_t stride) {
  if (padding == "none") return {0, (size - kernel) / stride + 1};
  if (padding == "same") return {(kernel - 1) / 2, (size + 2 * ((kernel - 1) / 2) - kernel) / stride + 1};
  const std::int64_t out = (size + stride - 1) / stride;
  return {std::max<std::int64_t>(0, (out - 1) * stride + kernel - size) / 2, out};
}

class FixedConv2d final : public Map {
 public:
  explicit FixedConv2d(Setup& setup)
      : x_(setup.input("x")),
        file_(setup),
        layer_(setup.text("layer")),
        norm_(setup.has("norm") ? setup.text("norm") : ""),
        eps_(setup.real("eps")) {
    if (const std::string& activation = setup.text("activation"); activation != "none")
      least_ = 0, most_ = activation == "relu6" ? kRelu6 : most_;
    const std::int64_t in = x_.spec.shape[1];
    kernel_ = file_.shape_of(setup, layer_ + ".weight");
    depthwise_ = in > 1 && kernel_.size() == 4 && kernel_[0] == in && kernel_[1] == 1;
    if (kernel_.size() != 4 || (kernel_[1] != in && !depthwise_))
      setup.fail_at("layer", fmt::format("'{}.weight' is {}, which does not go over input 'x', {}", layer_,
                                         to_string(kernel_), to_string(x_.spec.shape)));
    if (!norm_.empty())
      for (const char* name : {".bias", ".running_mean", ".running_var"})
        file_.shape_of(setup, norm_ + name, {kernel_[0]});
    y_ = setup.output("y", place(setup));
    setup.multiply_adds(count_of(y_.spec.shape) * kernel_[1] * kernel_[2] * kernel_[3]);
  }

  void prepare(Preparation& preparation) override {
    ways_ = preparation.ways;
    fold();
    if (!winograd_) return;
    parts_ = kernels::winograd_parts(shape_, kernels::WinogradPass::forward, ways_);
    preparation.scratch(kernels::winograd_scratch(shape_));
  }

  void forward(Call& call) const override {
    const float* x = call.in<float>(x_);
    float* y = call.out<float>(y_);
    const float *weight = weight_.as<float>().data(), *bias = bias_.as<float>().data();
    if (depthwise_) return by_channels(x, y);
    if (winograd_) {
      in_parallel(parts_.size(), [&](std::size_t i) {
        kernels::winograd_forward(shape_, parts_[i], x, weight, bias, nullptr, y, call.scratch());
      });
      in_bands(shape_.images, shape_.out_height, ways_,
               [&](std::int64_t n, std::int64_t first, std::int64_t end) { activate(y, n, first, end); });
      return;
    }
    in_bands(shape_.images, shape_.out_height, ways_,
             [&](std::int64_t n, std::int64_t first, std::int64_t end) {
               for (std::int64_t row = first, next; row < end;
                    row = next) {  // few rows, which stay near until they are cut off
                 next = std::min(end, row + kRowsTogether);
                 const kernels::Band band{static_cast<int>(n), static_cast<int>(row), static_cast<int>(next)};
                 kernels::convolution_forward(shape_, band, x, weight, bias, nullptr, y);
                 activate(y, n, row, next);
               }
             });
  }

 private:
  static constexpr float kRelu6 = 6;
  static constexpr std::int64_t kRowsTogether = 8;

  Shape place(Setup& setup) {
    const Shape& x = x_.spec.shape;
    const std::string& padding = setup.text("padding");
    const std::int64_t stride = setup.integer("stride");
    const Side down = side_of(padding, x[2], kernel_[2], stride),
               across = side_of(padding, x[3], kernel_[3], stride);
    if (down.out < 1 || across.out < 1)
      setup.fail_at_input("x", fmt::format("'x' is {}, smaller than the kernel of {}x{} with its padding",
                                           to_string(x), kernel_[2], kernel_[3]));
    const int block = setup.run().channel_block;
    const auto number = [](std::int64_t n) { return static_cast<int>(n); };
    layout_ = {.out = number(kernel_[0]),
               .in = number(x[1]),
               .kernel = number(kernel_[2]),
               .block = block,
               .plain = x_.spec.block == 1,
               .columns = number(kernel_[3])};
    shape_ = {.images = number(x[0]),
              .channels_in = filled_up(number(x[1]), x_.spec.block),
              .channels_out = filled_up(number(kernel_[0]), block),
              .height = number(x[2]),
              .width = number(x[3]),
              .out_height = number(down.out),
              .out_width = number(across.out),
              .kernel = number(kernel_[2]),
              .stride = number(stride),
              .before = number(down.before),
              .block = block,
              .plain = x_.spec.block == 1,
              .kernel_columns = number(kernel_[3]),
              .zeros_left = number(across.before)};
    kernels::ConvolutionShape one = shape_;  // the features of an image do not depend on how many there are
    one.images = 1;
    winograd_ = !depthwise_ && setup.run().winograd && kernels::winograd_fits(one);
    return {x[0], kernel_[0], down.out, across.out};
  }

  void fold() {
    std::vector<float> weight = file_.read(layer_ + ".weight");
    const auto channels = static_cast<std::size_t>(kernel_[0]);
    const std::size_t each = weight.size() / channels;
    std::vector<float> bias(channels);
    if (file_.has(layer_ + ".bias")) bias = file_.read(layer_ + ".bias");
    if (!norm_.empty()) {
      const std::vector<float> mean = file_.read(norm_ + ".running_mean"),
                               var = file_.read(norm_ + ".running_var"), shift = file_.read(norm_ + ".bias");
      std::vector<float> scale(channels, 1.0f);
      if (file_.has(norm_ + ".weight")) scale = file_.read(norm_ + ".weight");
      for (std::size_t k = 0; k < channels; ++k) {
        const double g = scale[k] / std::sqrt(double{var[k]} + eps_);
        for (std::size_t i = 0; i < each; ++i)
          weight[k * each + i] = static_cast<float>(weight[k * each + i] * g);
        bias[k] = static_cast<float>((double{bias[k]} - mean[k]) * g + shift[k]);
      }
    }
    if (depthwise_) return store_by_channels(weight, bias);
    const StoredLayout stored = layout_.stored(), of_bias = stored_channels(layout_.out, shape_.block);
    weight_ = Buffer(stored.elements * sizeof(float));
    bias_ = Buffer(of_bias.elements * sizeof(float));
    stored.store(weight.data(), weight_.as<float>().data());
    of_bias.store(bias.data(), bias_.as<float>().data());
  }

  // [C/b, taps, b]
  void store_by_channels(const std::vector<float>& weight, const std::vector<float>& bias) {
    const auto block = static_cast<std::size_t>(shape_.block), taps = static_cast<std::size_t>(shape_.taps());
    weight_ = Buffer(static_cast<std::size_t>(shape_.channels_out) * taps * sizeof(float));
    bias_ = Buffer(static_cast<std::size_t>(shape_.channels_out) * sizeof(float));
    for (std::size_t c = 0; c < bias.size(); ++c) {
      bias_.as<float>()[c] = bias[c];
      for (std::size_t tap = 0; tap < taps; ++tap)
        weight_.as<float>()[(c / block * taps + tap) * block + c % block] = weight[c * taps + tap];
    }
  }

  void by_channels(const float* x, float* y) const {
    const std::int64_t block = shape_.block, maps = shape_.channels_out / block;
    const std::int64_t from = std::int64_t{shape_.height} * shape_.width * block,
                       to = std::int64_t{shape_.out_height} * shape_.out_width * block;
    in_runs(static_cast<std::size_t>(shape_.images * maps), ways_, [&](std::size_t first, std::size_t end) {
      for (auto map = static_cast<std::int64_t>(first); map < static_cast<std::int64_t>(end); ++map)
        for (std::int64_t p = 0; p < shape_.out_height; ++p)
          for (std::int64_t q = 0; q < shape_.out_width; ++q)
            of_window(x + map * from, map % maps, p, q, y + map * to + (p * shape_.out_width + q) * block);
    });
    for (std::int64_t n = 0; n < shape_.images; ++n) activate(y, n, 0, shape_.out_height);
  }

  // One pixel of a block of channels.
  void of_window(const float* x, std::int64_t map, std::int64_t p, std::int64_t q, float* y) const {
    const std::int64_t block = shape_.block, columns = shape_.columns();
    const float* weight = weight_.as<float>().data() + map * shape_.taps() * block;
    std::copy_n(bias_.as<float>().data() + map * block, block, y);
    for (std::int64_t r = 0; r < shape_.kernel; ++r) {
      const std::int64_t h = p * shape_.stride + r - shape_.before;
      if (h < 0 || h >= shape_.height) continue;
      for (std::int64_t s = 0; s < columns; ++s) {
        const std::int64_t w = q * shape_.stride + s - shape_.left();
        if (w < 0 || w >= shape_.width) continue;
        const float *in = x + (h * shape_.width + w) * block, *of = weight + (r * columns + s) * block;
        for (std::int64_t c = 0; c < block; ++c) y[c] += in[c] * of[c];
      }
    }
  }

  void activate(float* y, std::int64_t n, std::int64_t first, std::int64_t end) const {
    if (least_ != 0) return;
    const std::int64_t row = std::int64_t{shape_.out_width} * shape_.block, map = row * shape_.out_height,
                       maps = shape_.channels_out / shape_.block;
    for (std::int64_t k = 0; k < maps; ++k) {
      float* at = y + (n * maps + k) * map + first * row;
      for (std::int64_t i = 0; i < (end - first) * row; ++i)
        at[i] = std::min(at[i] > 0 ? at[i] : 0.0f, most_);
    }
  }

  Input x_;
  Output y_;
  FixedWeights file_;
  std::string layer_, norm_;
  double eps_;
  float least_ = -1, most_ = std::numeric_limits<float>::infinity();  // of an activation: 0, and 6 of ReLU6
  Shape kernel_;
  ConvolutionWeight layout_;
  kernels::ConvolutionShape shape_;
  bool depthwise_ = false, winograd_ = false;
  std::vector<kernels::WinogradPart> parts_;
  Buffer weight_, bias_;
  int ways_ = 1;
};

}  // namespace

NodeType fixed_conv2d() {
  return {.name = "fixed_conv2d",
          .summary = "A convolution, batch normalisation and ReLU in one pass, with weights from a file.",
          .stands_for = {"fixed_layer"},
          .paper = "Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 2",
          .example = "{type: fixed_conv2d, in: x, weights: digits, layer: conv2}",
          .role = Role::map,
          .inputs = {{"x", "[N,I,H,W] f32 first", "feature maps, or an image"}},
          .outputs = {{"y", "[N,K,P,Q] f32 blocked", "feature maps"}},
          .parameters = {fixed_weights_parameter(),
                         {.name = "layer",
                          .kind = Kind::text,
                          .doc = "its name in the file, in front of .weight",
                          .required = true},
                         {.name = "norm", .kind = Kind::text, .doc = "of the batch normalisation behind it"},
                         {.name = "eps",
                          .kind = Kind::real,
                          .doc = "added to the normalisation's variance",
                          .standard = 1e-3,
                          .minimum = 0,
                          .maximum = 1},
                         {.name = "stride",
                          .kind = Kind::integer,
                          .doc = "from one output to the next",
                          .standard = std::int64_t{1},
                          .minimum = 1,
                          .maximum = 4},
                         {.name = "padding",
                          .kind = Kind::choice,
                          .doc = "zeros around x",
                          .standard = std::string("same"),
                          .choices = {"same", "none", "tensorflow"}},
                         {.name = "activation",
                          .kind = Kind::choice,
                          .doc = "of the result",
                          .standard = std::string("relu"),
                          .choices = {"relu", "relu6", "none"}}},
          .create = make_node<FixedConv2d>};
}

}  // namespace dagfusion
