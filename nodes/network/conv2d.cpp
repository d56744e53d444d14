// conv2d: convolves feature maps with a kernel of up to 7x7; can add other feature maps in the same pass.
// LeCun et al. 1989, "Backpropagation Applied to Handwritten Zip Code Recognition"; initial weights as in
// Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks",
// eq. 16, times init_scale.
//
//   y[n,k,p,q] = bias[k] + add[n,k,p,q]
//                + sum over i,r,s of weight[k,i,r,s] * x[n, i, p*stride + r - a, q*stride + s - b]
//
// x: [N,I,H,W], zero outside; y and add: [N,K,P,Q]; weight: [K,I,kernel,kernel_width]; bias: [K].
// padding `same`: a = (kernel-1)/2 zeros above and below, b = (kernel_width-1)/2 on the left and on the right.
// padding `none`: a = b = 0, and no zeros.
// padding `end`: a = b = 0, and one row and one column of zeros at the bottom and on the right,
// as TensorFlow's SAME pads even sides at stride 2 and as Ho et al. 2020 halve their feature maps.
//
// Backward, each sum over what is in range:
//   dx[n,i,h,w]      = sum over k,r,s of weight[k,i,r,s] * dy[n,k,p,q]
//                      where p*stride + r - a = h and q*stride + s - b = w
//   dweight[k,i,r,s] = sum over n,p,q of dy[n,k,p,q] * x[n, i, p*stride + r - a, q*stride + s - b]
//   dbias[k]         = sum over n,p,q of dy[n,k,p,q]
//   dadd             = dy

#include <fmt/format.h>

#include <algorithm>

#include "graph/types/catalog.h"
#include "nodes/dnnl/engine.h"
#include "nodes/kernels/winograd.h"
#include "nodes/network/act.h"
#include "nodes/network/convolution_methods.h"
#include "nodes/network/convolution_weight.h"
#include "nodes/network/weight_parameters.h"

namespace dagfusion {
namespace {

constexpr std::int64_t kLargestKernel = 7;

enum class Padding { same, none, end };

// Where the kernel goes over x, along one side.
struct Window {
  std::int64_t kernel, stride;
  Padding zeros;

  std::int64_t padding() const {  // on both sides together
    if (zeros == Padding::none) return 0;
    return zeros == Padding::end ? 1 : kernel - 1;
  }
  std::int64_t before() const { return zeros == Padding::same ? (kernel - 1) / 2 : 0; }
  std::int64_t steps(std::int64_t size) const { return (size + padding() - kernel) / stride + 1; }
};
struct Windows {
  Window down, across;
  std::int64_t taps() const { return down.kernel * across.kernel; }
};

std::int64_t read_kernel(Setup& setup, const std::string& name) {
  const std::int64_t kernel = setup.integer(name);
  if (kernel % 2 == 0 || kernel < 1 || kernel > kLargestKernel)
    setup.fail_at(name, fmt::format("'{}' is {}; it can be 1, 3, 5 or 7", name, kernel));
  return kernel;
}

Windows read_windows(Setup& setup) {
  const std::int64_t kernel = read_kernel(setup, "kernel"), stride = setup.integer("stride");
  const std::int64_t width = setup.has("kernel_width") ? read_kernel(setup, "kernel_width") : kernel;
  const std::string& text = setup.text("padding");
  const Padding padding = text == "end" ? Padding::end : text == "none" ? Padding::none : Padding::same;
  if (stride != 1 && stride != 2)
    setup.fail_at("stride", fmt::format("'stride' is {}; it can be 1 or 2", stride));
  if (padding == Padding::end && (kernel != 3 || width != 3 || stride != 2))
    setup.fail_at("padding", fmt::format("'padding' is 'end', which goes with kernel 3 and stride 2; "
                                         "kernel is {} and stride {}",
                                         kernel == 3 ? width : kernel, stride));
  return {{kernel, stride, padding}, {width, stride, padding}};
}

class Conv2d final : public DifferentiableMap {
 public:
  explicit Conv2d(Setup& setup) : x_(setup.input("x")), add_(setup.input("add")) {
    const Windows windows = read_windows(setup);
    const Shape y = result(setup, windows);
    y_ = setup.output("y", y);
    const ConvolutionShape shape = stored_shape(windows);
    const ConvolutionWeights weights = declare_weights(setup, windows);
    weights_ = static_cast<std::size_t>(shape.channels_in) * shape.taps() * shape.channels_out;
    channels_ = shape.channels_out;
    weight_ = weights.weight;
    bias_ = weights.bias;
    const bool training = setup.run().training;
    if (is_half(y_.spec) && !known_in_half(windows))
      setup.fail_at("kernel",
                    fmt::format("a kernel of {}x{} is computed in float32 alone, but precision is bfloat16",
                                windows.down.kernel, windows.across.kernel));
    method_ = choose_method(setup.run(), shape)(setup, shape, weights,
                                                {.add = add_.connected(), .training = training});
    setup.accumulate_reads(x_);
    if (add_.connected()) setup.passes_gradient(y_, add_);
    setup.multiply_adds(count_of(y) * x_.spec.shape[1] * windows.taps());
  }

  void prepare(Preparation& preparation) override { method_->prepare(preparation); }

  void forward(Call& call) const override {
    method_->forward(call, call.in<void>(x_), add_.connected() ? call.in<void>(add_) : nullptr,
                     call.out<void>(y_));
  }

  void backward(Call& call) const override {
    if (void* dx = call.d<void>(x_)) method_->backward_data(call, call.d<void>(y_), dx);
  }

  void accumulate(Call& call) const override {
    float* dweight = call.d(weight_);
    float* dbias = bias_.present() ? call.d(bias_) : nullptr;
    if (call.first_of_step()) {
      std::fill_n(dweight, weights_, 0.0f);
      if (dbias) std::fill_n(dbias, channels_, 0.0f);
    }
    method_->gradient(call, call.in<void>(x_), call.d<void>(y_), dweight, dbias);
  }

 private:
  static bool known_in_half(const Windows& w) {
    return w.down.kernel == w.across.kernel && w.down.kernel <= 3 && w.down.zeros != Padding::none;
  }

  Shape result(Setup& setup, const Windows& w) const {
    const Shape& x = x_.spec.shape;
    if (x[2] + w.down.padding() < w.down.kernel || x[3] + w.across.padding() < w.across.kernel)
      setup.fail_at_input("x", fmt::format("'x' is {}, smaller than the kernel of {}x{} with its padding",
                                           to_string(x), w.down.kernel, w.across.kernel));
    const Shape y = {x[0], setup.integer("channels"), w.down.steps(x[2]), w.across.steps(x[3])};
    if (add_.connected() && add_.spec.shape != y)
      setup.fail_at_input("add", fmt::format("'add' is {}, but the convolution gives {}",
                                             to_string(add_.spec.shape), to_string(y)));
    return y;
  }

  // With the channels that fill blocks up.
  ConvolutionShape stored_shape(const Windows& w) const {
    const auto side = [](const TensorSpec& spec, std::size_t i) { return static_cast<int>(spec.shape[i]); };
    return {.images = side(x_.spec, 0),
            .channels_in = filled_up(side(x_.spec, 1), x_.spec.block),
            .channels_out = filled_up(side(y_.spec, 1), y_.spec.block),
            .height = side(x_.spec, 2),
            .width = side(x_.spec, 3),
            .out_height = side(y_.spec, 2),
            .out_width = side(y_.spec, 3),
            .kernel = static_cast<int>(w.down.kernel),
            .stride = static_cast<int>(w.down.stride),
            .before = static_cast<int>(w.down.before()),
            .block = y_.spec.block,
            .plain = x_.spec.block == 1,
            .kernel_columns = static_cast<int>(w.across.kernel),
            .zeros_left = static_cast<int>(w.across.before())};
  }

  ConvolutionWeights declare_weights(Setup& setup, const Windows& w) const {
    const std::int64_t in = x_.spec.shape[1], out = y_.spec.shape[1];
    ConvolutionWeights weights{.layout = {.out = static_cast<int>(out),
                                          .in = static_cast<int>(in),
                                          .kernel = static_cast<int>(w.down.kernel),
                                          .block = y_.spec.block,
                                          .plain = x_.spec.block == 1,
                                          .columns = static_cast<int>(w.across.kernel)}};
    weights.weight =
        setup.weight("weight", {out, in, w.down.kernel, w.across.kernel},
                     initial_weight(setup, in * w.taps(), out * w.taps()), weights.layout.stored());
    if (setup.flag("bias"))
      weights.bias = setup.weight("bias", {out}, initial_bias(setup, in * w.taps()),
                                  stored_channels(weights.layout.out, y_.spec.block));
    return weights;
  }

  MakeMethod choose_method(const RunSettings& run, const ConvolutionShape& shape) const {
    const bool half = is_half(y_.spec);
    ConvolutionShape asked = shape;
    if (!run.training) asked.images = 1;  // how an image is drawn does not depend on how many there are
    // A fourth of the multiplications in float32 is quicker than all of them in bfloat16, but not than AMX.
    if (run.winograd && kernels::winograd_fits(asked) && !(half && matrix_tiles_available()))
      return half ? winograd_half_convolution : winograd_convolution;
    if (!half) return direct_convolution;
    return shape.plain ? narrowing_convolution : half_convolution;
  }

  Input x_, add_;
  Output y_;
  Weight weight_, bias_;
  std::size_t weights_ = 0, channels_ = 0;  // with what fills blocks up
  Method method_;
};

}  // namespace

NodeType conv2d() {
  return {
      .name = "conv2d",
      .summary =
          "Convolves feature maps with a kernel of up to 7x7; can add other feature maps in the same pass.",
      .stands_for = {"convolution"},
      .paper = "LeCun et al. 1989, Neural Computation 1(4)",
      .example = "{type: conv2d, in: x, channels: 64, kernel: 3}",
      .role = Role::map,
      .inputs = {{"x", "[N,I,H,W] act first", "feature maps, or an image"},
                 {"add", "[N,K,P,Q] act blocked", "added to the result: the short cut of a residual block",
                  true}},
      .outputs = {{"y", "[N,K,P,Q] act blocked", "feature maps"}},
      .parameters = {{.name = "channels",
                      .kind = Kind::integer,
                      .doc = "channels of y",
                      .required = true,
                      .minimum = 1,
                      .maximum = 65536},
                     {.name = "kernel",
                      .kind = Kind::integer,
                      .doc = "rows of the kernel, and its columns: 1, 3, 5 or 7",
                      .standard = std::int64_t{3}},
                     {.name = "kernel_width",
                      .kind = Kind::integer,
                      .doc = "columns of a kernel that is not square, such as 1x7"},
                     {.name = "stride",
                      .kind = Kind::integer,
                      .doc = "1, or 2 to halve the sides",
                      .standard = std::int64_t{1}},
                     {.name = "padding",
                      .kind = Kind::choice,
                      .doc = "zeros around x: `same` on all sides; `none`; `end` at the bottom and on the "
                             "right only (kernel 3, "
                             "stride 2)",
                      .standard = std::string("same"),
                      .choices = {"same", "end", "none"}},
                     bias_parameter("add one value for each channel of y"),
                     init_parameter(),
                     init_scale_parameter()},
      .create = make_node<Conv2d>};
}

}  // namespace dagfusion
