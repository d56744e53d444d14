// The channel-blocked layout of one image, [ceil(C/b), P, b] with P = height * width
// and b = 8 or 16, to and from the plain one, [C, P]; and what resizes it.
// Channels that only fill the last block up are written as zero.
#pragma once

#include <cstddef>

namespace dagfusion::kernels {

// Arrays do not overlap.
void plain_to_blocked(const float* plain, float* blocked, int channels, std::size_t pixels, int block);
void blocked_to_plain(const float* blocked, float* plain, int channels, std::size_t pixels, int block);

// Nearest neighbour, twice as large: y[i,j] = x[i/2,j/2]. x: [B,H,W,b], y: [B,2H,2W,b], B = number of blocks.
void upsample2(const float* x, float* y, int blocks, int height, int width, int block);
// dx[i,j] = (dy[2i,2j] + dy[2i,2j+1]) + (dy[2i+1,2j] + dy[2i+1,2j+1]); height and width are those of x.
void upsample2_backward(const float* dy, float* dx, int blocks, int height, int width, int block);

}  // namespace dagfusion::kernels
