// Group normalisation of one image, with the time shift before it and SiLU after it in the same passes.
// Wu and He 2018, "Group Normalization", arXiv:1803.08494, eq. 1-5.
//
//   v = x + shift[c]
//   xhat = (v - mean[g]) * rstd[g], over the C/G channels and all pixels of group g
//   rstd = 1 / sqrt(variance + epsilon)
//   z = gamma[c] * xhat + beta[c]
//   y = silu ? z / (1 + exp(-z)) : z
//
// x, y and their gradients: [ceil(C/b), P, b] of floats, b = block = 8 or 16, P = height * width; channels
// that only fill the last block up are zero in x and dy, and written as zero.
// shift, gamma, beta: [C]; mean, rstd: [G]; G divides C. Nothing needs to be aligned.
//
// Statistics in one pass: float sums around a pivot (the mean of up to eight of the channel's pixels), then
// channels put together in double. A mean of 1000 deviations costs forward no digits; backward knows the mean
// to a float's rounding.
// NaN and infinity in x or shift make their whole group NaN.
#pragma once

#include <cstddef>

#include "graph/values/bfloat16.h"
#include "graph/values/tensor.h"

namespace dagfusion::kernels {

struct GroupNormShape {
  int channels = 0;
  int groups = 1;
  int block = 8;
  std::size_t pixels = 0;
  float epsilon = 1e-5f;
  bool silu = false;
  bool centered = true;  // false: mean[g] is 0, variance the mean square, and A is 0 (RMS norm)
};

// Sums over this many pixels are taken in float, then added up in double, in order.
inline constexpr std::size_t kGroupNormChunk = 256;

// shift may be null (no shift). y may be x. mean and rstd are what backward wants; mean is that of v.
void group_norm(const GroupNormShape& shape, const float* x, const float* shift, const float* gamma,
                const float* beta, float* y, float* mean, float* rstd);
// Of feature maps in bfloat16: widened and rounded on the way.
void group_norm(const GroupNormShape& shape, const BFloat16* x, const float* shift, const float* gamma,
                const float* beta, BFloat16* y, float* mean, float* rstd);

// The same with the same bits in two steps that threads
// share by chunks of the pixels: all sums first, then all y.
struct GroupNormChunks {
  std::size_t first, end;
};
inline std::size_t group_norm_chunks(std::size_t pixels) {
  return (pixels + kGroupNormChunk - 1) / kGroupNormChunk;
}
// Kept of a chunk for each channel, filling ones too: pivot, sum and sum of squares.
inline constexpr std::size_t kGroupNormSums = 3;
inline std::size_t filled_channels(const GroupNormShape& s) {
  return static_cast<std::size_t>(filled_up(s.channels, s.block));
}
inline std::size_t group_norm_sums_size(const GroupNormShape& s) {  // floats
  return group_norm_chunks(s.pixels) * kGroupNormSums * filled_channels(s);
}
void group_norm_sums(const GroupNormShape& shape, GroupNormChunks chunks, const float* x, float* sums);
// mean and rstd are written with chunk 0.
void group_norm_from_sums(const GroupNormShape& shape, GroupNormChunks chunks, const float* x,
                          const float* sums, const float* shift, const float* gamma, const float* beta,
                          float* y, float* mean, float* rstd);

// dz = silu ? dy * s * (1 + z * (1 - s)) : dy, s = 1 / (1 + exp(-z))
//   dbeta[c] = sum dz, dgamma[c] = sum dz * xhat over the pixels of c
//   dx = rstd * (gamma * dz - A - xhat * B), A, B = the group's means of gamma * dz and of gamma * dz * xhat
//   dshift[c] = sum dx over the pixels of c
// dx is overwritten and may be dy. dshift [C] is overwritten; null when nobody wants it.
// dgamma and dbeta [C] are ADDED to: zero them before the first image; null when nobody wants them.
void group_norm_backward(const GroupNormShape& shape, const float* x, const float* shift, const float* mean,
                         const float* rstd, const float* gamma, const float* beta, const float* dy, float* dx,
                         float* dshift, float* dgamma, float* dbeta);
// dz: memory for as many floats as x has elements.
void group_norm_backward(const GroupNormShape& shape, const BFloat16* x, const float* shift,
                         const float* mean, const float* rstd, const float* gamma, const float* beta,
                         const BFloat16* dy, float* dz, BFloat16* dx, float* dshift, float* dgamma,
                         float* dbeta);

}  // namespace dagfusion::kernels
