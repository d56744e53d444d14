// A bfloat16 convolution of one fixed size, forward and backward-data, by oneDNN: it knows AMX, too.
// Those in float32 are our own (nodes/kernels), which need no memory in each run.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "nodes/dnnl/primitive.h"
#include "nodes/kernels/convolution.h"

namespace dagfusion {

using kernels::ConvolutionShape;

// Only where bfloat16_available(). Pointers as in kernels/convolution.h, but x, add, y and their gradients
// are bfloat16, the block is 16, x is not plain, and weights are as ConvolutionWeight packs them for it;
// the bias is float32, and so are all sums. scratch: scratch_bytes() at least, aligned to 64 bytes.
class Convolution {
 public:
  struct Options {
    bool bias = true;
    bool add = false;            // forward adds another feature map
    bool backward_data = false;  // d(x) will be asked for
  };
  Convolution(const ConvolutionShape& shape, Options options);

  std::size_t scratch_bytes() const { return scratch_bytes_; }
  void forward(const void* x, const void* weight, const float* bias, const void* add, void* y,
               std::byte* scratch) const;
  void backward_data(const void* dy, const void* weight, void* dx, std::byte* scratch) const;

  std::string forward_implementation() const { return forward_implementation_; }
  std::string backward_data_implementation() const { return backward_implementation_; }

 private:
  Options options_;
  std::optional<Primitive> forward_, backward_data_;
  std::size_t scratch_bytes_ = 0;
  std::string forward_implementation_, backward_implementation_;
};

}  // namespace dagfusion
