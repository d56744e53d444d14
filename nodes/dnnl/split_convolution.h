// A bfloat16 convolution cut into pieces that threads run at the same time,
// each in one thread, with the bits of the whole:
// by images, and where there are too few by output channels. Backward-data by images only.
#pragma once

#include <map>
#include <memory>

#include "nodes/dnnl/convolution.h"

namespace dagfusion {

class SplitConvolution {
 public:
  // `ways`: how many threads may share it; 1: one piece.
  SplitConvolution(const ConvolutionShape& shape, Convolution::Options options, int ways);

  std::size_t scratch_bytes() const { return scratch_bytes_; }  // of one piece
  std::size_t forward_pieces() const { return forward_.size(); }
  std::size_t backward_pieces() const { return backward_.size(); }

  // As Convolution's, of the whole arrays; a piece reads and writes its part of them.
  void forward(std::size_t piece, const void* x, const void* weight, const float* bias, const void* add,
               void* y, std::byte* scratch) const;
  void backward_data(std::size_t piece, const void* dy, const void* weight, void* dx,
                     std::byte* scratch) const;

 private:
  struct Piece {
    int image, channel;  // the first ones
    const Convolution* convolution;
  };
  const Convolution* make(int images, int channels, bool backward_data);

  ConvolutionShape shape_;
  Convolution::Options options_;
  std::map<std::tuple<int, int, bool>, std::unique_ptr<Convolution>>
      made_;  // by images, channels, backward_data
  std::vector<Piece> forward_, backward_;
  std::size_t scratch_bytes_ = 0;
};

}  // namespace dagfusion
