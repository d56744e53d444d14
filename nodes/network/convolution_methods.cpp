#include "nodes/network/convolution_methods.h"

#include <optional>

#include "graph/values/parallel.h"
#include "nodes/dnnl/split_convolution.h"
#include "nodes/kernels/bfloat16.h"
#include "nodes/kernels/bfloat16_dots.h"
#include "nodes/kernels/blocked.h"
#include "nodes/kernels/convolution_gradient.h"
#include "nodes/kernels/winograd.h"

namespace dagfusion {
namespace {

std::size_t filled(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

class MethodFor : public ConvolutionMethod {
 public:
  MethodFor(const ConvolutionShape& shape, const ConvolutionWeights& weights, ConvolutionOptions options)
      : shape_(shape), weights_(weights), options_(options) {}

 protected:
  std::size_t x_size() const { return x_pixels() * shape_.channels_in; }
  std::size_t y_size() const { return y_pixels() * shape_.channels_out; }
  std::size_t x_pixels() const { return static_cast<std::size_t>(shape_.height) * shape_.width; }
  std::size_t y_pixels() const { return static_cast<std::size_t>(shape_.out_height) * shape_.out_width; }
  std::size_t weights_of_one_out() const {
    return static_cast<std::size_t>(shape_.channels_in) * shape_.taps();
  }

  const float* weight(const Call& call) const { return call.weight(weights_.weight); }
  const float* bias(const Call& call) const {
    return weights_.bias.present() ? call.weight(weights_.bias) : nullptr;
  }

  // The sums of one output channel after the other, image by image: threads share them by output channels.
  // f(shape of one image and some channels, x, dy, dweight, dbias)
  template <class T, class F>
  void by_channels(const T* x, const T* dy, float* dweight, float* dbias, const F& f) const {
    in_runs(shape_.channels_out / shape_.block, ways_, [&](std::size_t first_block, std::size_t end_block) {
      const std::size_t first = first_block * shape_.block, end = end_block * shape_.block;
      ConvolutionShape some = shape_;
      some.images = 1;
      some.channels_out = static_cast<int>(end - first);
      for (int n = 0; n < shape_.images; ++n)
        f(some, x + n * x_size(), dy + n * y_size() + first * y_pixels(),
          dweight + first * weights_of_one_out(), dbias ? dbias + first : nullptr);
    });
  }

  ConvolutionShape shape_;
  ConvolutionWeights weights_;
  ConvolutionOptions options_;
  int ways_ = 1;
};

class Direct final : public MethodFor {
 public:
  Direct(Setup& setup, const ConvolutionShape& shape, const ConvolutionWeights& weights,
         ConvolutionOptions options)
      : MethodFor(shape, weights, options) {
    const ConvolutionWeight& layout = weights.layout;
    if (options.training)
      packed_ = setup.packed(weights.weight, "backward_data", layout.packed_bytes(), layout.pack());
  }

  void prepare(Preparation& preparation) override {
    ways_ = preparation.ways;
    if (shape_.plain && options_.training) preparation.scratch(blocked_image() * sizeof(float));
  }

  void forward(Call& call, const void* x, const void* add, void* y) const override {
    in_bands(shape_.images, shape_.out_height, ways_,
             [&](std::int64_t n, std::int64_t first, std::int64_t end) {
               kernels::convolution_forward(shape_, band(n, first, end), static_cast<const float*>(x),
                                            weight(call), bias(call), static_cast<const float*>(add),
                                            static_cast<float*>(y));
             });
  }

  void backward_data(Call& call, const void* dy, void* dx) const override {
    const auto* from = static_cast<const float*>(dy);
    const auto* packed = reinterpret_cast<const float*>(call.packed(packed_));
    auto* to = static_cast<float*>(dx);
    if (!shape_.plain)
      return in_bands(shape_.images, shape_.height, ways_,
                      [&](std::int64_t n, std::int64_t first, std::int64_t end) {
                        kernels::convolution_backward_data(shape_, band(n, first, end), from, packed, to);
                      });
    in_runs(shape_.images, ways_, [&](std::size_t first, std::size_t end) {
      auto* blocked = reinterpret_cast<float*>(call.scratch());
      for (std::size_t n = first; n < end; ++n) {
        kernels::convolution_backward_data(shape_, band(0, 0, shape_.height), from + n * y_size(), packed,
                                           blocked);
        kernels::blocked_to_plain(blocked, to + n * x_size(), shape_.channels_in, x_pixels(), shape_.block);
      }
    });
  }

  void gradient(Call&, const void* x, const void* dy, float* dweight, float* dbias) const override {
    by_channels(static_cast<const float*>(x), static_cast<const float*>(dy), dweight, dbias,
                [](const auto&... arguments) { kernels::convolution_gradient(arguments...); });
  }

 private:
  static kernels::Band band(std::int64_t image, std::int64_t first, std::int64_t end) {
    return {static_cast<int>(image), static_cast<int>(first), static_cast<int>(end)};
  }
  std::size_t blocked_image() const { return x_pixels() * filled_up(shape_.channels_in, shape_.block); }

  Packed packed_;  // for backward_data()
};

// T: of the feature maps.
template <class T>
class Winograd final : public MethodFor {
 public:
  Winograd(Setup&, const ConvolutionShape& shape, const ConvolutionWeights& weights,
           ConvolutionOptions options)
      : MethodFor(shape, weights, options) {}

  void prepare(Preparation& preparation) override {
    using kernels::WinogradPass;
    ways_ = preparation.ways;
    forward_ = kernels::winograd_parts(shape_, WinogradPass::forward, ways_);
    preparation.scratch(kernels::winograd_scratch(shape_));
    if (!options_.training) return;
    backward_ = kernels::winograd_parts(shape_, WinogradPass::backward_data, ways_);
    preparation.scratch(kernels::winograd_gradient_scratch(shape_));
  }

  void forward(Call& call, const void* x, const void* add, void* y) const override {
    in_parallel(forward_.size(), [&](std::size_t i) {
      kernels::winograd_forward(shape_, forward_[i], static_cast<const T*>(x), weight(call), bias(call),
                                static_cast<const T*>(add), static_cast<T*>(y), call.scratch());
    });
  }

  void backward_data(Call& call, const void* dy, void* dx) const override {
    in_parallel(backward_.size(), [&](std::size_t i) {
      kernels::winograd_backward_data(shape_, backward_[i], static_cast<const T*>(dy), weight(call),
                                      static_cast<T*>(dx), call.scratch());
    });
  }

  void gradient(Call& call, const void* x, const void* dy, float* dweight, float* dbias) const override {
    in_runs(shape_.channels_out / shape_.block, ways_, [&](std::size_t first, std::size_t end) {
      kernels::winograd_gradient(shape_, static_cast<int>(first) * shape_.block,
                                 static_cast<int>(end - first) * shape_.block, static_cast<const T*>(x),
                                 static_cast<const T*>(dy), dweight, dbias, call.scratch());
    });
  }

 private:
  std::vector<kernels::WinogradPart> forward_, backward_;
};

// Image by image, in float32.
class Narrowing final : public MethodFor {
 public:
  Narrowing(Setup& setup, const ConvolutionShape& shape, const ConvolutionWeights& weights,
            ConvolutionOptions options)
      : MethodFor(shape, weights, options), one_(setup, one_image(shape), weights, options) {}

  void prepare(Preparation& preparation) override {
    ways_ = preparation.ways;
    Preparation of_one;
    one_.prepare(of_one);
    wide_at_ = filled(of_one.scratch_bytes);
    preparation.scratch(wide_at_ + 2 * wide_bytes());
  }

  void forward(Call& call, const void* x, const void* add, void* y) const override {
    for_images([&](std::size_t n) {
      float* to = wide(call, 0);
      one_.forward(call, image(x, n), add ? widened(call, add, n, 1) : nullptr, to);
      kernels::narrow(to, static_cast<BFloat16*>(y) + n * y_size(), y_size());
    });
  }

  void backward_data(Call& call, const void* dy, void* dx) const override {
    for_images([&](std::size_t n) {
      one_.backward_data(call, widened(call, dy, n, 0), static_cast<float*>(dx) + n * x_size());
    });
  }

  void gradient(Call& call, const void* x, const void* dy, float* dweight, float* dbias) const override {
    for (int n = 0; n < shape_.images; ++n)
      one_.gradient(call, image(x, n), widened(call, dy, n, 0), dweight, dbias);
  }

 private:
  static ConvolutionShape one_image(ConvolutionShape shape) {
    shape.images = 1;
    return shape;
  }
  template <class F>
  void for_images(const F& f) const {
    in_runs(shape_.images, ways_, [&](std::size_t first, std::size_t end) {
      for (std::size_t n = first; n < end; ++n) f(n);
    });
  }
  const float* image(const void* x, std::size_t n) const {
    return static_cast<const float*>(x) + n * x_size();
  }

  // An image of y in float32, behind the scratch of one_: place 0 or 1.
  std::size_t wide_bytes() const { return filled(y_size() * sizeof(float)); }
  float* wide(Call& call, int place) const {
    return reinterpret_cast<float*>(call.scratch() + wide_at_ + place * wide_bytes());
  }
  const float* widened(Call& call, const void* of_all, std::size_t n, int place) const {
    float* to = wide(call, place);
    kernels::widen(static_cast<const BFloat16*>(of_all) + n * y_size(), to, y_size());
    return to;
  }

  Direct one_;
  std::size_t wide_at_ = 0;
};

class Half final : public MethodFor {
 public:
  Half(Setup& setup, const ConvolutionShape& shape, const ConvolutionWeights& weights,
       ConvolutionOptions options)
      : MethodFor(shape, weights, options) {
    const ConvolutionWeight& layout = weights.layout;
    const std::size_t bytes = layout.half_bytes();
    forward_ = setup.packed(weights.weight, "forward_bf16", bytes, layout.pack_half_forward());
    if (options.training)
      backward_ = setup.packed(weights.weight, "backward_data_bf16", bytes, layout.pack_half_backward());
  }

  void prepare(Preparation& preparation) override {
    ways_ = preparation.ways;
    convolution_.emplace(
        shape_,
        Convolution::Options{
            .bias = weights_.bias.present(), .add = options_.add, .backward_data = options_.training},
        ways_);
    preparation.scratch(convolution_->scratch_bytes());
    if (options_.training) preparation.scratch(kernels::convolution_gradient_scratch(shape_));
  }

  void forward(Call& call, const void* x, const void* add, void* y) const override {
    in_parallel(convolution_->forward_pieces(), [&](std::size_t piece) {
      convolution_->forward(piece, x, call.packed(forward_), bias(call), add, y, call.scratch());
    });
  }

  void backward_data(Call& call, const void* dy, void* dx) const override {
    in_parallel(convolution_->backward_pieces(), [&](std::size_t piece) {
      convolution_->backward_data(piece, dy, call.packed(backward_), dx, call.scratch());
    });
  }

  void gradient(Call& call, const void* x, const void* dy, float* dweight, float* dbias) const override {
    by_channels(static_cast<const BFloat16*>(x), static_cast<const BFloat16*>(dy), dweight, dbias,
                [&](const ConvolutionShape& some, const BFloat16* from, const BFloat16* d, float* dw,
                    float* db) { kernels::convolution_gradient(some, from, d, dw, db, call.scratch()); });
  }

 private:
  Packed forward_, backward_;
  std::optional<SplitConvolution> convolution_;
};

template <class M>
Method make(Setup& setup, const ConvolutionShape& shape, const ConvolutionWeights& weights,
            ConvolutionOptions options) {
  return std::make_unique<M>(setup, shape, weights, options);
}

}  // namespace

Method direct_convolution(Setup& setup, const ConvolutionShape& shape, const ConvolutionWeights& weights,
                          ConvolutionOptions options) {
  return make<Direct>(setup, shape, weights, options);
}
Method winograd_convolution(Setup& setup, const ConvolutionShape& shape, const ConvolutionWeights& weights,
                            ConvolutionOptions options) {
  return make<Winograd<float>>(setup, shape, weights, options);
}
Method winograd_half_convolution(Setup& setup, const ConvolutionShape& shape,
                                 const ConvolutionWeights& weights, ConvolutionOptions options) {
  return make<Winograd<BFloat16>>(setup, shape, weights, options);
}
Method narrowing_convolution(Setup& setup, const ConvolutionShape& shape, const ConvolutionWeights& weights,
                             ConvolutionOptions options) {
  return make<Narrowing>(setup, shape, weights, options);
}
Method half_convolution(Setup& setup, const ConvolutionShape& shape, const ConvolutionWeights& weights,
                        ConvolutionOptions options) {
  return make<Half>(setup, shape, weights, options);
}

}  // namespace dagfusion
