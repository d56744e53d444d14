// Shapes of convolutions that tests and benchmarks have in common.
#pragma once

#include "nodes/kernels/convolution.h"

namespace dagfusion::tests {

// Stride 1 and zeros around: the maps keep their size.
inline kernels::ConvolutionShape same_size(int images, int in, int out, int height, int width, int block = 16,
                                           int kernel = 3) {
  return {.images = images,
          .channels_in = in,
          .channels_out = out,
          .height = height,
          .width = width,
          .out_height = height,
          .out_width = width,
          .kernel = kernel,
          .before = kernel / 2,
          .block = block};
}

}  // namespace dagfusion::tests
