// The ways conv2d computes a layer; conv2d chooses one for its shape and element type.
#pragma once

#include <memory>

#include "graph/types/node.h"
#include "nodes/kernels/convolution.h"

namespace dagfusion {

using kernels::ConvolutionShape;

// Pointers to the whole arrays of a frame. bias and add may be null.
class ConvolutionMethod {
 public:
  virtual ~ConvolutionMethod() = default;
  virtual void prepare(Preparation&) = 0;
  virtual void forward(Call&, const void* x, const void* weight, const float* bias, const void* add,
                       void* y) const = 0;
  virtual void backward_data(Call&, const void* dy, const void* weight, void* dx) const = 0;
  // Adds to dweight, as the weight is stored, and to dbias, which may be null.
  virtual void gradient(Call&, const void* x, const void* dy, float* dweight, float* dbias) const = 0;
};

struct ConvolutionOptions {
  bool bias = true;
  bool add = false;
  bool training = false;
};
using Method = std::unique_ptr<ConvolutionMethod>;

// x and y in float32; weight as it is stored, backward as ConvolutionWeight::pack() gives it.
Method direct_convolution(const ConvolutionShape& shape, ConvolutionOptions options);
// The same in the shapes that kernels::winograd_fits(); backward the weight is as it is stored, too.
Method winograd_convolution(const ConvolutionShape& shape, ConvolutionOptions options);
// The same for feature maps in bfloat16; weights, sums and transforms stay float32.
Method winograd_half_convolution(const ConvolutionShape& shape, ConvolutionOptions options);
// x is plain and float32, add and y are bfloat16: direct_convolution(), image by image.
Method narrowing_convolution(const ConvolutionShape& shape, ConvolutionOptions options);
// All bfloat16, by oneDNN; weights as ConvolutionWeight::pack_half_forward() and _backward() give them.
Method half_convolution(const ConvolutionShape& shape, ConvolutionOptions options);

}  // namespace dagfusion
