// A convolution of one fixed size: forward and backward-data by oneDNN, the gradients of weight and bias by
// our own kernel.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "nodes/dnnl/primitive.h"
#include "nodes/kernels/convolution_gradient.h"

namespace dagfusion {

using kernels::ConvolutionShape;

// Pointers as in ConvolutionShape's layouts; scratch of at least scratch_bytes(), aligned to 64 bytes.
// With `half` x, add, y and their gradients are bfloat16, the weights as ConvolutionWeight packs them for it; the bias
// is float32, and so are all sums. Only where bfloat16_available(), and not for a plain x.
class Convolution {
 public:
  struct Options {
    bool bias = true;
    bool add = false;            // forward adds another feature map
    bool backward_data = false;  // d(x) will be asked for
    bool half = false;
  };
  Convolution(const ConvolutionShape& shape, Options options);

  std::size_t scratch_bytes() const { return scratch_bytes_; }
  void forward(const void* x, const void* weight, const float* bias, const void* add, void* y,
               std::byte* scratch) const;
  // `weight` as ConvolutionWeight packs it for this.
  void backward_data(const void* dy, const std::byte* weight, void* dx, std::byte* scratch) const;

  std::string forward_implementation() const { return forward_implementation_; }
  std::string backward_data_implementation() const { return backward_implementation_; }

 private:
  ConvolutionShape shape_;
  Options options_;
  std::optional<Primitive> forward_, backward_data_;
  std::size_t primitive_bytes_ = 0, scratch_bytes_ = 0;
  std::string forward_implementation_, backward_implementation_;
};

}  // namespace dagfusion
