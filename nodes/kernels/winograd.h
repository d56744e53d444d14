// A 3x3 convolution at stride 1 with one zero around, by Winograd's algorithm F(4x4, 3x3):
// a fourth of the direct way's multiplications.
// Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308.
//
//   y = A^T [ (G w G^T) * (B^T x B) ] A        for each tile of 4x4 outputs and the 6x6 inputs it reads
//   dw = G^T [ (A dy A^T) * (B^T x B) ] G      the same, turned round: summed over tiles
//
// The products in between, 36 matrices, are summed over channels (dw: tiles).
// Weights are transformed on the way, in every call:
// a copy of them transformed once would be four times as large, and take longer to read than to make.
// Values differ from the direct way's by rounding only, up to 3e-5 of the largest one.
// An image's bits depend neither on the other images of a frame nor on how the work is cut into parts;
// dweight's depend on what a frame holds.
//
// Layouts as in convolution.h; x is not plain, channels are multiples of the block.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/values/bfloat16.h"
#include "nodes/kernels/convolution.h"

namespace dagfusion::kernels {

// Whether it computes this shape, and faster than the direct way: from 4 tiles of all images together on.
bool winograd_fits(const ConvolutionShape& shape);

// Some of the tiles, all images' in one row, and some of the channels that are written.
struct WinogradPart {
  int first_tile, tiles;
  int first_channel, channels;  // multiples of the block
};
enum class WinogradPass { forward, backward_data };
// The work of a pass in at most `ways` parts, as even as they can be.
std::vector<WinogradPart> winograd_parts(const ConvolutionShape& shape, WinogradPass pass, int ways);

// Scratch: that many bytes for each part that runs at the same time, aligned to 64.
std::size_t winograd_scratch(const ConvolutionShape& shape);  // forward, backward_data
std::size_t winograd_gradient_scratch(const ConvolutionShape& shape);

// Pointers to the whole arrays. bias, [O], and add, like y, may be null.
// Feature maps and their gradients are float32, or all bfloat16:
// then they are widened and rounded on the way, and all in between is float32, the weights too.
void winograd_forward(const ConvolutionShape& shape, const WinogradPart& part, const float* x,
                      const float* weight, const float* bias, const float* add, float* y, std::byte* scratch);
void winograd_forward(const ConvolutionShape& shape, const WinogradPart& part, const BFloat16* x,
                      const float* weight, const float* bias, const BFloat16* add, BFloat16* y,
                      std::byte* scratch);
void winograd_backward_data(const ConvolutionShape& shape, const WinogradPart& part, const float* dy,
                            const float* weight, float* dx, std::byte* scratch);
void winograd_backward_data(const ConvolutionShape& shape, const WinogradPart& part, const BFloat16* dy,
                            const float* weight, BFloat16* dx, std::byte* scratch);
// Adds to the gradients of the weights of `channels` output channels
// from first_channel on, and of their biases; dbias may be null.
void winograd_gradient(const ConvolutionShape& shape, int first_channel, int channels, const float* x,
                       const float* dy, float* dweight, float* dbias, std::byte* scratch);
void winograd_gradient(const ConvolutionShape& shape, int first_channel, int channels, const BFloat16* x,
                       const BFloat16* dy, float* dweight, float* dbias, std::byte* scratch);

}  // namespace dagfusion::kernels
