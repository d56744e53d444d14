// conv2d: convolves feature maps with a 1x1 or 3x3 kernel; can add other feature maps in the same pass.
// LeCun et al. 1989, "Backpropagation Applied to Handwritten Zip Code Recognition"; initial weights as in
// Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq.
// 16, times init_scale.
//
//   y[n,k,p,q] = bias[k] + add[n,k,p,q] + sum over i,r,s of weight[k,i,r,s] * x[n,i, p*stride + r - a,
//   q*stride + s - a]
//
// x: [N,I,H,W], zero outside; y and add: [N,K,P,Q]; weight: [K,I,kernel,kernel]; bias: [K].
// padding `same`: a = (kernel-1)/2 zeros on each side. `end`: a = 0 and one row and column of zeros at the
// bottom and on the right, as TensorFlow's SAME pads even sides at stride 2 and as Ho et al. 2020 halve their
// feature maps. Backward, sums over what is in range: dx[n,i,h,w] = sum weight[k,i,r,s] * dy[n,k,p,q] where
// p*stride + r - a = h (w alike);
//   dweight[k,i,r,s] = sum dy[n,k,p,q] * x[n,i, p*stride + r - a, ...] ; dbias[k] = sum dy[n,k,p,q] ; dadd =
//   dy

#include <algorithm>
#include <optional>

#include "graph/parallel.h"
#include "nodes/catalog.h"
#include "nodes/dnnl/convolution_weight.h"
#include "nodes/dnnl/split_convolution.h"
#include "nodes/kernels/bfloat16_dots.h"
#include "nodes/kernels/winograd.h"
#include "nodes/network/act.h"
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
    shape_ = {.images = static_cast<int>(x[0]),
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
    training_ = setup.run().training;
    half_ = is_half(y_.spec) && !plain;
    narrows_ = is_half(y_.spec) && plain;
    if (half_)
      packed_forward_ =
          setup.packed(weight_, "forward_bf16", layout.half_bytes(), layout.pack_half_forward());
    if (training_ && half_)
      packed_ = setup.packed(weight_, "backward_data_bf16", layout.half_bytes(), layout.pack_half_backward());
    ConvolutionShape asked = shape_;
    if (!training_) asked.images = 1;  // how an image is drawn does not depend on how many there are
    winograd_ = setup.run().winograd && !half_ && !narrows_ && kernels::winograd_fits(asked);
    if (training_ && !half_ && !winograd_)
      packed_ = setup.packed(weight_, "backward_data", layout.packed_bytes(), layout.pack());
    setup.accumulate_reads(x_);
    if (add_.connected()) setup.passes_gradient(y_, add_);
    setup.multiply_adds(count_of(y) * x[1] * kernel * kernel);
    if (narrows_) shape_.images = 1;
  }

  void prepare(Preparation& preparation) override {
    ways_ = preparation.ways;
    if (winograd_) return prepare_winograd(preparation);
    convolution_.emplace(
        shape_,
        Convolution::Options{
            .bias = bias_.present(), .add = add_.connected(), .backward_data = training_, .half = half_},
        narrows_ ? 1 : ways_);
    preparation.scratch(filled(convolution_->scratch_bytes()) + 2 * wide_bytes());
    if (half_ && training_) preparation.scratch(kernels::convolution_gradient_scratch(shape_));
  }

  void forward(Call& call) const override {
    const float* bias = bias_.present() ? call.weight(bias_) : nullptr;
    const void* weight =
        half_ ? static_cast<const void*>(call.packed(packed_forward_)) : call.weight(weight_);
    const void* add = add_.connected() ? call.in<void>(add_) : nullptr;
    if (winograd_)
      return in_parallel(forward_parts_.size(), [&](std::size_t i) {
        kernels::winograd_forward(shape_, forward_parts_[i], call.in<float>(x_), call.weight(weight_), bias,
                                  static_cast<const float*>(add), call.out<float>(y_), call.scratch());
      });
    if (!narrows_)
      return in_parallel(convolution_->forward_pieces(), [&](std::size_t piece) {
        convolution_->forward(piece, call.in<void>(x_), weight, bias, add, call.out<void>(y_),
                              call.scratch());
      });
    for_images([&](std::size_t n) {
      const float* wide_add =
          add ? widened(static_cast<const BFloat16*>(add), n, call.scratch(), 1) : nullptr;
      float* y = wide(call.scratch(), 0);
      convolution_->forward(0, call.in<float>(x_) + n * x_size(), weight, bias, wide_add, y, call.scratch());
      kernels::narrow(y, call.out<BFloat16>(y_) + n * y_size(), y_size());
    });
  }

  void backward(Call& call) const override {
    void* dx = call.d(x_);
    if (!dx) return;
    if (winograd_)
      return in_parallel(backward_parts_.size(), [&](std::size_t i) {
        kernels::winograd_backward_data(shape_, backward_parts_[i], static_cast<const float*>(call.d(y_)),
                                        call.weight(weight_), static_cast<float*>(dx), call.scratch());
      });
    if (!narrows_)
      return in_parallel(convolution_->backward_pieces(), [&](std::size_t piece) {
        convolution_->backward_data(piece, call.d(y_), call.packed(packed_), dx, call.scratch());
      });
    for_images([&](std::size_t n) {
      convolution_->backward_data(0, widened(static_cast<const BFloat16*>(call.d(y_)), n, call.scratch(), 0),
                                  call.packed(packed_), static_cast<float*>(dx) + n * x_size(),
                                  call.scratch());
    });
  }

  void accumulate(Call& call) const override {
    float* dweight = call.d(weight_);
    float* dbias = bias_.present() ? call.d(bias_) : nullptr;
    if (call.first_of_step()) {
      std::fill_n(dweight, weights_of_one_out() * shape_.channels_out, 0.0f);
      if (dbias) std::fill_n(dbias, shape_.channels_out, 0.0f);
    }
    if (winograd_)
      return in_runs(shape_.channels_out / shape_.block, ways_, [&](std::size_t first, std::size_t end) {
        kernels::winograd_gradient(shape_, static_cast<int>(first) * shape_.block,
                                   static_cast<int>(end - first) * shape_.block, call.in<float>(x_),
                                   static_cast<const float*>(call.d(y_)), dweight, dbias, call.scratch());
      });
    if (narrows_) {
      for (std::int64_t n = 0; n < images(); ++n)
        kernels::convolution_gradient(shape_, call.in<float>(x_) + n * x_size(),
                                      widened(static_cast<const BFloat16*>(call.d(y_)), n, call.scratch(), 0),
                                      dweight, dbias);
      return;
    }
    if (half_)
      return gradient(call, call.in<BFloat16>(x_), static_cast<const BFloat16*>(call.d(y_)), dweight, dbias);
    gradient(call, call.in<float>(x_), static_cast<const float*>(call.d(y_)), dweight, dbias);
  }

 private:
  std::int64_t images() const { return x_.spec.shape[0]; }
  std::size_t x_size() const { return x_.spec.image_elements(); }
  std::size_t y_size() const { return y_.spec.image_elements(); }
  std::size_t weights_of_one_out() const { return shape_.channels_in * shape_.kernel * shape_.kernel; }

  void prepare_winograd(Preparation& preparation) {
    using kernels::WinogradPass;
    forward_parts_ = kernels::winograd_parts(shape_, WinogradPass::forward, ways_);
    preparation.scratch(kernels::winograd_scratch(shape_));
    if (!training_) return;
    backward_parts_ = kernels::winograd_parts(shape_, WinogradPass::backward_data, ways_);
    preparation.scratch(kernels::winograd_gradient_scratch(shape_));
  }

  template <class F>
  void for_images(const F& f) const {
    if (ways_ > 1) return in_parallel(images(), f);
    for (std::int64_t n = 0; n < images(); ++n) f(n);
  }

  // The sums of one output channel after the other, image by image: threads share them by output channels.
  template <class T>
  void gradient(Call& call, const T* x, const T* dy, float* dweight, float* dbias) const {
    in_runs(shape_.channels_out / shape_.block, ways_, [&](std::size_t first_block, std::size_t end_block) {
      const std::size_t first = first_block * shape_.block, end = end_block * shape_.block;
      ConvolutionShape some = shape_;
      some.images = 1;
      some.channels_out = static_cast<int>(end - first);
      for (std::int64_t n = 0; n < images(); ++n)
        gradient_of(some, x + n * x_size(), dy + n * y_size() + first * (y_size() / shape_.channels_out),
                    dweight + first * weights_of_one_out(), dbias ? dbias + first : nullptr, call.scratch());
    });
  }
  static void gradient_of(const ConvolutionShape& shape, const float* x, const float* dy, float* dweight,
                          float* dbias, std::byte*) {
    kernels::convolution_gradient(shape, x, dy, dweight, dbias);
  }
  static void gradient_of(const ConvolutionShape& shape, const BFloat16* x, const BFloat16* dy,
                          float* dweight, float* dbias, std::byte* scratch) {
    kernels::convolution_gradient(shape, x, dy, dweight, dbias, scratch);
  }

  // An image of y in float32, behind the convolution's own scratch: place 0 or 1.
  static std::size_t filled(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
  std::size_t wide_bytes() const { return narrows_ ? filled(y_size() * sizeof(float)) : 0; }
  float* wide(std::byte* scratch, int place) const {
    return reinterpret_cast<float*>(scratch + filled(convolution_->scratch_bytes()) + place * wide_bytes());
  }
  const float* widened(const BFloat16* of_all, std::int64_t n, std::byte* scratch, int place) const {
    float* to = wide(scratch, place);
    kernels::widen(of_all + n * y_size(), to, y_size());
    return to;
  }

  Input x_, add_;
  Output y_;
  Weight weight_, bias_;
  Packed packed_forward_, packed_;
  bool training_ = false;
  bool half_ = false;  // bfloat16 all through
  bool winograd_ = false;
  bool narrows_ = false;  // x is plain and float32, y is bfloat16: computed in float32, image by image
  int ways_ = 1;
  ConvolutionShape shape_;  // filling channels count as channels
  std::optional<SplitConvolution> convolution_;
  std::vector<kernels::WinogradPart> forward_parts_, backward_parts_;
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
