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
class Convolution {
 public:
  struct Options {
    bool bias = true;
    bool add = false;            // forward adds another feature map
    bool backward_data = false;  // d(x) will be asked for
  };
  Convolution(const ConvolutionShape& shape, Options options);

  std::size_t scratch_bytes() const { return scratch_bytes_; }
  void forward(const float* x, const float* weight, const float* bias, const float* add, float* y,
               std::byte* scratch) const;
  // `weight` as pack_for_backward_data() leaves it.
  void backward_data(const float* dy, const std::byte* weight, float* dx, std::byte* scratch) const;

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
