// The ways conv2d computes a layer; conv2d chooses one for its shape and element type.
#pragma once

#include <memory>

#include "graph/types/setup.h"
#include "nodes/kernels/convolution.h"
#include "nodes/network/convolution_weight.h"

namespace dagfusion {

using kernels::ConvolutionShape;

// The arrays are those of a whole frame.
class ConvolutionMethod {
 public:
  virtual ~ConvolutionMethod() = default;
  virtual void prepare(Preparation&) = 0;
  virtual void forward(Call&, const void* x, const void* add, void* y) const = 0;  // add: null without one
  virtual void backward_data(Call&, const void* dy, void* dx) const = 0;
  // Adds to dweight, as the weight is stored, and to dbias, which may be null.
  virtual void gradient(Call&, const void* x, const void* dy, float* dweight, float* dbias) const = 0;
};

// The layer's weights. A method asks for packed copies of `weight` where it does not want it as it is stored.
struct ConvolutionWeights {
  Weight weight, bias;       // a layer may have no bias
  ConvolutionWeight layout;  // of weight
};

struct ConvolutionOptions {
  bool add = false;
  bool training = false;
};
using Method = std::unique_ptr<ConvolutionMethod>;
using MakeMethod = Method (*)(Setup&, const ConvolutionShape&, const ConvolutionWeights&, ConvolutionOptions);

// x and y in float32.
Method direct_convolution(Setup&, const ConvolutionShape&, const ConvolutionWeights&, ConvolutionOptions);
// The same in the shapes that kernels::winograd_fits().
Method winograd_convolution(Setup&, const ConvolutionShape&, const ConvolutionWeights&, ConvolutionOptions);
// The same for feature maps in bfloat16; weights, sums and transforms stay float32.
Method winograd_half_convolution(Setup&, const ConvolutionShape&, const ConvolutionWeights&,
                                 ConvolutionOptions);
// x is plain and float32, add and y are bfloat16: direct_convolution(), image by image.
Method narrowing_convolution(Setup&, const ConvolutionShape&, const ConvolutionWeights&, ConvolutionOptions);
// All bfloat16, by oneDNN.
Method half_convolution(Setup&, const ConvolutionShape&, const ConvolutionWeights&, ConvolutionOptions);

}  // namespace dagfusion
