// The gradients of a convolution's weight and bias, added to what is there.
//
//   dweight[o,i,r,s] += sum over n,p,q of dy[n,o,p,q] * x[n, i, p*stride + r - before, q*stride + s - before]
//   dbias[o]         += sum over n,p,q of dy[n,o,p,q]
//
// oneDNN's own kernel reaches 61 to 73 % of an AVX2 core's peak in the 3x3 layers (it multiplies each output
// vector by one group of inputs only) and overwrites its result; this one reaches 83 to 98 %, 78 % on 4x4
// maps, and adds.
#pragma once

#include "nodes/kernels/convolution.h"

namespace dagfusion::kernels {

// x: [N,I/b,H,W,b] or plain [N,I,H,W]; dy: [N,O/b,P,Q,b]; dbias: [O] or null.
// dweight: [O/b,I/b,k,k,b of I,b of O]; for a plain x [O/b,k,k,I,b of O].
// Summed in the order of images: the bits do not depend on how a batch is cut.
void convolution_gradient(const ConvolutionShape& shape, const float* x, const float* dy, float* dweight,
                          float* dbias);

}  // namespace dagfusion::kernels
