// A 3x3 convolution of one image at a time by Winograd's algorithm, on weights that were transformed before: for
// drawing, where weights do not change.
// Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308.
//
// One image at a time and in parts of its output channels that follow from the shape alone, so that no bit depends on
// how many images a frame holds, or on how many threads share it. float32 on AVX-512 only.
#pragma once

#include <functional>
#include <vector>

#include "nodes/dnnl/convolution.h"
#include "nodes/dnnl/convolution_weight.h"

namespace dagfusion {

class WinogradConvolution {
 public:
  // Whether it can compute this; then it is faster than the direct way for every shape that was measured.
  static bool fits(const ConvolutionShape& shape, const ConvolutionWeight& weight);

  WinogradConvolution(const ConvolutionShape& shape, const ConvolutionWeight& weight, bool bias);
  void prepare();  // before the first forward()

  std::size_t packed_bytes() const { return packed_bytes_; }
  std::function<void(const float* stored, std::byte* packed)> pack() const;
  std::size_t scratch_bytes() const { return scratch_bytes_; }

  // Part p of image n: pieces() = images * parts. `add` may be null.
  std::size_t pieces() const { return static_cast<std::size_t>(shape_.images) * parts_.size(); }
  void forward(std::size_t piece, const float* x, const std::byte* packed, const float* bias,
               const float* add, float* y, std::byte* scratch) const;

 private:
  struct Part {
    int first, channels;  // of the output
    dnnl::convolution_forward::primitive_desc description;
    std::size_t packed_at = 0;  // bytes
    std::unique_ptr<Primitive> primitive;
  };
  ConvolutionShape shape_;
  ConvolutionWeight weight_;
  bool bias_;
  std::vector<Part> parts_;
  std::size_t packed_bytes_ = 0, scratch_bytes_ = 0;
};

}  // namespace dagfusion
