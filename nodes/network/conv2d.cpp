// conv2d: convolves feature maps with a 1x1 or 3x3 kernel; can add other feature maps in the same pass.
// LeCun et al. 1989, "Backpropagation Applied to Handwritten Zip Code Recognition"; initial weights as in
// Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks",
// eq. 16, times init_scale.
//
//   y[n,k,p,q] = bias[k] + add[n,k,p,q]
//                + sum over i,r,s of weight[k,i,r,s] * x[n, i, p*stride + r - a, q*stride + s - a]
//
// x: [N,I,H,W], zero outside; y and add: [N,K,P,Q]; weight: [K,I,kernel,kernel]; bias: [K].
// padding `same`: a = (kernel-1)/2 zeros on each side.
// padding `end`: a = 0, and one row and one column of zeros at the bottom and on the right,
// as TensorFlow's SAME pads even sides at stride 2 and as Ho et al. 2020 halve their feature maps.
//
// Backward, each sum over what is in range:
//   dx[n,i,h,w]      = sum over k,r,s of weight[k,i,r,s] * dy[n,k,p,q]
//                      where p*stride + r - a = h and q*stride + s - a = w
//   dweight[k,i,r,s] = sum over n,p,q of dy[n,k,p,q] * x[n, i, p*stride + r - a, q*stride + s - a]
//   dbias[k]         = sum over n,p,q of dy[n,k,p,q]
//   dadd             = dy

#include <algorithm>

#include "nodes/catalog.h"
#include "nodes/dnnl/engine.h"
#include "nodes/kernels/winograd.h"
#include "nodes/network/act.h"
#include "nodes/network/convolution_methods.h"
#include "nodes/network/convolution_weight.h"
#include "nodes/network/weight_parameters.h"

namespace dagfusion {
namespace {

class Conv2d final : public Map {
 public:
  explicit Conv2d(Setup& setup) : x_(setup.input("x")), add_(setup.input("add")) {
    const Shape& x = x_.spec.shape;
    const std::int64_t channels = setup.integer("channels"), kernel = setup.integer("kernel"),
                       stride = setup.integer("stride");
    if (kernel != 1 && kernel != 3) {
      setup.fail_at("kernel", "'kernel' is " + std::to_string(kernel) + "; it can be 1 or 3");
    }
    if (stride != 1 && stride != 2) {
      setup.fail_at("stride", "'stride' is " + std::to_string(stride) + "; it can be 1 or 2");
    }
    const bool end = setup.text("padding") == "end";
    if (end && (kernel != 3 || stride != 2)) {
      setup.fail_at("padding", "'padding' is 'end', which goes with kernel 3 and stride 2; kernel is " +
                                   std::to_string(kernel) + " and stride " + std::to_string(stride));
    }
    const std::int64_t padding = end ? 1 : kernel - 1;  // on both sides together
    if (std::min(x[2], x[3]) + padding < kernel) {
      setup.fail_at_input("x",
                          "'x' is " + to_string(x) + ", smaller than the kernel of 3x3 with its padding");
    }
    const auto steps = [&](std::int64_t size) { return (size + padding - kernel) / stride + 1; };
    const Shape y = {x[0], channels, steps(x[2]), steps(x[3])};
    if (add_.connected() && add_.spec.shape != y) {
      setup.fail_at_input(
          "add", "'add' is " + to_string(add_.spec.shape) + ", but the convolution gives " + to_string(y));
    }
    y_ = setup.output("y", y);

    const int block = y_.spec.block;
    const auto filled_up = [&](std::int64_t c) { return static_cast<int>((c + block - 1) / block * block); };
    const bool plain = x_.spec.block == 1;
    const ConvolutionShape shape = {.images = static_cast<int>(x[0]),
                                    .channels_in = plain ? static_cast<int>(x[1]) : filled_up(x[1]),
                                    .channels_out = filled_up(channels),
                                    .height = static_cast<int>(x[2]),
                                    .width = static_cast<int>(x[3]),
                                    .out_height = static_cast<int>(y[2]),
                                    .out_width = static_cast<int>(y[3]),
                                    .kernel = static_cast<int>(kernel),
                                    .stride = static_cast<int>(stride),
                                    .before = end ? 0 : static_cast<int>(kernel - 1) / 2,
                                    .block = block,
                                    .plain = plain};

    const ConvolutionWeight layout = {.out = static_cast<int>(channels),
                                      .in = static_cast<int>(x[1]),
                                      .kernel = static_cast<int>(kernel),
                                      .block = block,
                                      .plain = plain};
    weight_ = setup.weight("weight", {channels, x[1], kernel, kernel},
                           glorot(setup, (x[1] + channels) * kernel * kernel), layout.stored());
    if (setup.flag("bias")) bias_ = setup.weight("bias", {channels}, {}, stored_channels(layout.out, block));
    weights_ = static_cast<std::size_t>(shape.channels_in) * kernel * kernel * shape.channels_out;
    channels_ = shape.channels_out;
    choose_method(setup, shape, layout);
    setup.accumulate_reads(x_);
    if (add_.connected()) setup.passes_gradient(y_, add_);
    setup.multiply_adds(count_of(y) * x[1] * kernel * kernel);
  }

  void prepare(Preparation& preparation) override { method_->prepare(preparation); }

  void forward(Call& call) const override {
    method_->forward(
        call, call.in<void>(x_),
        half_weights_ ? static_cast<const void*>(call.packed(packed_forward_)) : call.weight(weight_),
        bias_.present() ? call.weight(bias_) : nullptr, add_.connected() ? call.in<void>(add_) : nullptr,
        call.out<void>(y_));
  }

  void backward(Call& call) const override {
    void* dx = call.d(x_);
    if (!dx) return;
    method_->backward_data(call, call.d(y_),
                           winograd_ ? static_cast<const void*>(call.weight(weight_)) : call.packed(packed_),
                           dx);
  }

  void accumulate(Call& call) const override {
    float* dweight = call.d(weight_);
    float* dbias = bias_.present() ? call.d(bias_) : nullptr;
    if (call.first_of_step()) {
      std::fill_n(dweight, weights_, 0.0f);
      if (dbias) std::fill_n(dbias, channels_, 0.0f);
    }
    method_->gradient(call, call.in<void>(x_), call.d(y_), dweight, dbias);
  }

 private:
  void choose_method(Setup& setup, const ConvolutionShape& shape, const ConvolutionWeight& layout) {
    const bool training = setup.run().training, half = is_half(y_.spec);
    ConvolutionShape asked = shape;
    if (!training) asked.images = 1;  // how an image is drawn does not depend on how many there are
    // A fourth of the multiplications in float32 is quicker than all of them in bfloat16, but not than AMX.
    winograd_ = setup.run().winograd && kernels::winograd_fits(asked) && !(half && matrix_tiles_available());
    half_weights_ = half && !shape.plain && !winograd_;
    if (half_weights_)
      packed_forward_ =
          setup.packed(weight_, "forward_bf16", layout.half_bytes(), layout.pack_half_forward());
    if (training && half_weights_)
      packed_ = setup.packed(weight_, "backward_data_bf16", layout.half_bytes(), layout.pack_half_backward());
    else if (training && !winograd_)
      packed_ = setup.packed(weight_, "backward_data", layout.packed_bytes(), layout.pack());

    const auto make = winograd_       ? (half ? winograd_half_convolution : winograd_convolution)
                      : half_weights_ ? half_convolution
                      : half          ? narrowing_convolution
                                      : direct_convolution;
    method_ = make(shape, {.bias = bias_.present(), .add = add_.connected(), .training = training});
  }

  Input x_, add_;
  Output y_;
  Weight weight_, bias_;
  Packed packed_forward_, packed_;
  std::size_t weights_ = 0, channels_ = 0;        // with what fills blocks up
  bool half_weights_ = false, winograd_ = false;  // what the weights are handed over as
  Method method_;
};

}  // namespace

NodeType conv2d() {
  return {
      .name = "conv2d",
      .summary =
          "Convolves feature maps with a 1x1 or 3x3 kernel; can add other feature maps in the same pass.",
      .stands_for = {"convolution"},
      .paper = "LeCun et al. 1989, Neural Computation 1(4)",
      .example = "{type: conv2d, in: x, channels: 64, kernel: 3}",
      .role = Role::map,
      .inputs = {{"x", "[N,I,H,W] act first", "feature maps, or an image"},
                 {"add", "[N,K,P,Q] act blocked", "added to the result: the short cut of a residual block",
                  true}},
      .outputs = {{"y", "[N,K,P,Q] act blocked", "feature maps"}},
      .parameters =
          {{.name = "channels",
            .kind = Kind::integer,
            .doc = "channels of y",
            .required = true,
            .minimum = 1,
            .maximum = 65536},
           {.name = "kernel",
            .kind = Kind::integer,
            .doc = "side of the kernel: 1 or 3",
            .standard = std::int64_t{3}},
           {.name = "stride",
            .kind = Kind::integer,
            .doc = "1, or 2 to halve the sides",
            .standard = std::int64_t{1}},
           {.name = "padding",
            .kind = Kind::choice,
            .doc =
                "zeros around x: `same` on all sides; `end` at the bottom and on the right only (kernel 3, "
                "stride 2)",
            .standard = std::string("same"),
            .choices = {"same", "end"}},
           bias_parameter("add one value for each channel of y"),
           init_scale_parameter()},
      .differentiable = true,
      .create = make_node<Conv2d>};
}

}  // namespace dagfusion
