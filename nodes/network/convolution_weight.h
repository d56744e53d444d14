// How the weight of a convolution lies in memory, and its copy for backward-data.
#pragma once

#include "graph/values/weights.h"

namespace dagfusion {

// [O,I,r,s] in blocks of b input by b output channels, filled up with zeros.
struct ConvolutionWeight {
  int out = 1, in = 1, kernel = 3, block = 8;
  bool plain = false;  // for an x that is not blocked: I is not blocked and not filled up
  int columns = 0;     // of a kernel that is not square; 0: `kernel`
  int taps() const { return kernel * (columns ? columns : kernel); }

  // [O/b,I/b,r,s,b of I,b of O], or [O/b,r,s,I,b of O] for a plain x:
  // forward and the gradient. oneDNN's OIhw8i8o, Ohwi8o.
  StoredLayout stored() const;
  // [O/b,I/b,r,s,b of O,b of I]: backward-data, whether x is plain or not. oneDNN's OIhw8o8i.
  std::size_t packed_bytes() const;
  std::function<void(const float* stored, std::byte* packed)> pack() const;

  // In bfloat16, of a weight that is not plain and has blocks of 16; pairs along the sum lie side by side.
  // Forward: [O/16,I/16,k,k,8 of I,16 of O,2 of I], oneDNN's OIhw8i16o2i.
  // Backward-data: [O/16,I/16,k,k,8 of O,16 of I,2 of O], oneDNN's OIhw8o16i2o;
  // for a 1x1 kernel [I/16,O/16,8,16,2], IOhw8o16i2o.
  std::size_t half_bytes() const;
  std::function<void(const float* stored, std::byte* packed)> pack_half_forward() const;
  std::function<void(const float* stored, std::byte* packed)> pack_half_backward() const;

 private:
  std::function<void(const float* stored, std::byte* packed)> pack_half(bool backward) const;
  std::size_t stored_elements() const;
  std::size_t stored_at(int o, int i) const;                                      // of the first tap
  std::size_t stored_step() const { return plain ? in * block : block * block; }  // to the next one
};

// One value for each channel, as many as fill the last block up.
StoredLayout stored_channels(int channels, int block);

}  // namespace dagfusion
