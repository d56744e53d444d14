// A convolution in float32, the direct way: every output is one chain of multiply-adds,
// from bias and add on, over the taps that lie inside x and then the channels.
// Its bits depend neither on the other images nor on the bands.
//
//   y[n,o,p,q]  = bias[o] + add[n,o,p,q]
//                 + sum over r,s,i of w[o,i,r,s] * x[n, i, p*stride + r - before, q*stride + s - left]
//   dx[n,i,h,w] = sum over r,s,o of w[o,i,r,s] * dy[n,o,p,q]
//                 where p*stride + r - before = h and q*stride + s - left = w
//
// Large 3x3 layers at stride 1 are quicker by winograd.h.
// In the layers left to it, it reaches 80 to 95 % of the peak where they have 64 channels and more.
#pragma once

#include <cstddef>

namespace dagfusion::kernels {

struct ConvolutionShape {
  int images = 1;
  int channels_in = 1, channels_out = 1;  // multiples of the block; of a plain x any number of channels_in
  int height = 1, width = 1;              // of x
  int out_height = 1, out_width = 1;
  int kernel = 3, stride = 1;
  int before = 1;      // rows of zeros above, columns to the left
  int block = 8;       // 8 or 16
  bool plain = false;  // x is [N,I,H,W] and not blocked
  // Of a kernel that is not square; 0: `kernel` and `before` hold for columns as well.
  int kernel_columns = 0, zeros_left = 0;

  int columns() const { return kernel_columns ? kernel_columns : kernel; }
  int left() const { return kernel_columns ? zeros_left : before; }
  int taps() const { return kernel * columns(); }
};

// Some rows of what is written, of one image.
struct Band {
  int image, first, end;
};

// Pointers to the whole arrays. x: [N,I/b,H,W,b] or plain [N,I,H,W]; y, add: [N,O/b,P,Q,b]; bias: [O].
// bias and add may be null. weight: [O/b,I/b,r,s,b of I,b of O]; for a plain x [O/b,r,s,I,b of O].
void convolution_forward(const ConvolutionShape& shape, const Band& band, const float* x, const float* weight,
                         const float* bias, const float* add, float* y);
// weight: [O/b,I/b,r,s,b of O,b of I], whether x is plain or not. dx is blocked, also where x is plain.
void convolution_backward_data(const ConvolutionShape& shape, const Band& band, const float* dy,
                               const float* weight, float* dx);

}  // namespace dagfusion::kernels
