// Compiled for AVX512-BF16 (CMakeLists.txt).
//
// The dot product takes pairs along the sum, here along the pixels of a row. So dy is stored anew with pairs
// of pixels side by side, and x turned over, with a channel's pixels in a row; zeros around it spare
// the taps all checks. Both are made once for some rows of an image and serve every pair of channel blocks.
#include "nodes/kernels/bfloat16_dots.h"

#include <algorithm>

#include "nodes/kernels/bfloat16_tile.h"

namespace dagfusion::kernels {
namespace {

constexpr int kBlock = kDotBlock;

// The rows of one image that are worked on together, and how they lie in scratch.
struct Bands {
  explicit Bands(const ConvolutionShape& s)
      : rows(std::clamp(kPixels / s.out_width, 1, s.out_height)),
        pairs((s.out_width + 1) / 2),
        x_part(2 * pairs + (s.kernel - 1) / s.stride),
        x_row(s.stride * x_part),
        x_channel(((rows - 1) * s.stride + s.kernel) * x_row),
        x_size((s.channels_in * x_channel + 31) / 32 * 32),
        dy_block(rows * pairs * 2 * kBlock) {}

  // Few enough that one block of x and three of dy stay in the nearest cache.
  static constexpr int kPixels = 256;
  std::ptrdiff_t rows, pairs;
  // Columns of x, from the first that the kernel reads: with stride 2 first all even ones,
  // then all odd ones, so that what meets neighbouring pixels of dy always lies side by side.
  std::ptrdiff_t x_part, x_row;
  std::ptrdiff_t x_channel, x_size;  // [I, rows of x, x_row]
  std::ptrdiff_t dy_block;           // [O/16, rows, pairs, 16, 2]
};

// 16 vectors of 16 halves, turned over: element i of vector j becomes element j of vector i.
void transpose(__m256i* v) {
  __m256i w[kBlock];
#pragma GCC unroll 16
  for (int i = 0; i < kBlock; i += 2) {
    w[i] = _mm256_unpacklo_epi16(v[i], v[i + 1]);
    w[i + 1] = _mm256_unpackhi_epi16(v[i], v[i + 1]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kBlock; i += 4)
    for (int k = 0; k < 2; ++k) {
      v[i + 2 * k] = _mm256_unpacklo_epi32(w[i + k], w[i + k + 2]);
      v[i + 2 * k + 1] = _mm256_unpackhi_epi32(w[i + k], w[i + k + 2]);
    }
#pragma GCC unroll 16
  for (int i = 0; i < kBlock; i += 8)
    for (int k = 0; k < 4; ++k) {
      w[i + 2 * k] = _mm256_unpacklo_epi64(v[i + k], v[i + k + 4]);
      w[i + 2 * k + 1] = _mm256_unpackhi_epi64(v[i + k], v[i + k + 4]);
    }
#pragma GCC unroll 16
  for (int i = 0; i < 8; ++i) {
    v[i] = _mm256_permute2x128_si256(w[i], w[i + 8], 0x20);
    v[i + 8] = _mm256_permute2x128_si256(w[i], w[i + 8], 0x31);
  }
}

// Row `row` of the image, or zeros outside of it, to 16 rows of scratch, x_channel apart.
void turn_over(const ConvolutionShape& s, const Bands& b, const BFloat16* x, int row, BFloat16* to) {
  const bool inside = row >= 0 && row < s.height;
  const BFloat16* source = x + static_cast<std::ptrdiff_t>(row) * s.width * kBlock;
  for (std::ptrdiff_t part = 0; part < s.stride; ++part)
    for (std::ptrdiff_t at = 0; at < b.x_part; at += kBlock) {
      __m256i v[kBlock];
#pragma GCC unroll 16
      for (int i = 0; i < kBlock; ++i) {
        const std::ptrdiff_t column = (at + i) * s.stride + part - s.before;
        v[i] = inside && column >= 0 && column < s.width
                   ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + column * kBlock))
                   : _mm256_setzero_si256();
      }
      transpose(v);
      const auto count = static_cast<unsigned>(std::min<std::ptrdiff_t>(kBlock, b.x_part - at));
      const auto mask = static_cast<__mmask16>((1u << count) - 1);
#pragma GCC unroll 16
      for (int c = 0; c < kBlock; ++c)
        _mm256_mask_storeu_epi16(to + c * b.x_channel + part * b.x_part + at, mask, v[c]);
    }
}

// One row of dy, [Q,16], to [pairs,16,2].
void pair_up(const ConvolutionShape& s, const Bands& b, const BFloat16* dy, BFloat16* to) {
  for (std::ptrdiff_t pair = 0; pair < b.pairs; ++pair, dy += 2 * kBlock, to += 2 * kBlock) {
    const bool whole = 2 * pair + 1 < s.out_width;
    _mm512_storeu_si512(to, paired_up(_mm512_maskz_loadu_epi16(whole ? 0xFFFFFFFF : 0xFFFF, dy)));
  }
}

// Channels of x by J blocks of dy, summed over the rows of a band, added to dweight.
template <int J>
void some_blocks(const ConvolutionShape& s, const Bands& b, std::ptrdiff_t rows, const BFloat16* x,
                 const BFloat16* dy, float* dweight) {
  constexpr int kChannels = J == 1 ? 16 : 8;
  const std::ptrdiff_t blocks_in = s.channels_in / kBlock, square = kBlock * kBlock;
  const Dots over_rows = {.outer = rows,
                          .pairs = b.pairs,
                          .left_row = b.x_channel,
                          .left_outer = s.stride * b.x_row,
                          .left_pair = 2,
                          .right_outer = b.pairs * kDotPairs,
                          .right_block = b.dy_block,
                          .out_row = kBlock,
                          .out_block = blocks_in * s.kernel * s.kernel * square};
  for (std::ptrdiff_t i = 0; i < blocks_in; ++i)
    for (int r = 0; r < s.kernel; ++r)
      for (int c = 0; c < s.kernel; ++c, dweight += square) {
        const BFloat16* from =
            x + i * kBlock * b.x_channel + r * b.x_row + c % s.stride * b.x_part + c / s.stride;
        for (int m = 0; m < kBlock; m += kChannels)
          dots_tile<kChannels, J, Into::add>(over_rows, from + m * b.x_channel, dy, dweight + m * kBlock);
      }
}

void bias(const ConvolutionShape& s, const Bands& b, std::ptrdiff_t rows, const BFloat16* dy, float* dbias) {
  const auto ones = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x3F803F80));
  for (std::ptrdiff_t o = 0; o < s.channels_out / kBlock; ++o) {
    __m512 sum[4] = {};
    for (std::ptrdiff_t pair = 0; pair < rows * b.pairs; ++pair) {
      const auto two =
          reinterpret_cast<__m512bh>(_mm512_loadu_si512(dy + o * b.dy_block + pair * 2 * kBlock));
      sum[pair % 4] = _mm512_dpbf16_ps(sum[pair % 4], ones, two);
    }
    const __m512 all = _mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3]));
    _mm512_storeu_ps(dbias + o * kBlock, _mm512_add_ps(_mm512_loadu_ps(dbias + o * kBlock), all));
  }
}

void band(const ConvolutionShape& s, const Bands& b, int first, std::ptrdiff_t rows, const BFloat16* x,
          const BFloat16* dy, float* dweight, float* dbias, BFloat16* scratch) {
  const std::ptrdiff_t blocks_in = s.channels_in / kBlock, blocks_out = s.channels_out / kBlock;
  BFloat16* turned = scratch;
  BFloat16* paired = scratch + b.x_size;
  for (std::ptrdiff_t i = 0; i < blocks_in; ++i)
    for (std::ptrdiff_t row = 0; row < (rows - 1) * s.stride + s.kernel; ++row)
      turn_over(s, b, x + i * s.height * s.width * kBlock,
                static_cast<int>(first * s.stride + row) - s.before,
                turned + i * kBlock * b.x_channel + row * b.x_row);
  for (std::ptrdiff_t o = 0; o < blocks_out; ++o)
    for (std::ptrdiff_t row = 0; row < rows; ++row)
      pair_up(s, b, dy + (o * s.out_height + first + row) * s.out_width * kBlock,
              paired + o * b.dy_block + row * b.pairs * 2 * kBlock);

  const std::ptrdiff_t out_block = blocks_in * s.kernel * s.kernel * kBlock * kBlock;
  for (std::ptrdiff_t o = 0, together; o < blocks_out; o += together) {
    together = blocks_together(blocks_out - o);
    const auto some = together == 3 ? some_blocks<3> : together == 2 ? some_blocks<2> : some_blocks<1>;
    some(s, b, rows, turned, paired + o * b.dy_block, dweight + o * out_block);
  }
  if (dbias) bias(s, b, rows, paired, dbias);
}

}  // namespace

std::size_t convolution_gradient_scratch(const ConvolutionShape& shape) {
  const Bands b(shape);
  return (b.x_size + shape.channels_out / kBlock * b.dy_block) * sizeof(BFloat16);
}

void convolution_gradient(const ConvolutionShape& s, const BFloat16* x, const BFloat16* dy, float* dweight,
                          float* dbias, std::byte* scratch) {
  const Bands b(s);
  for (int n = 0; n < s.images; ++n) {
    for (int first = 0; first < s.out_height; first += static_cast<int>(b.rows))
      band(s, b, first, std::min<std::ptrdiff_t>(b.rows, s.out_height - first), x, dy, dweight, dbias,
           reinterpret_cast<BFloat16*>(scratch));
    x += static_cast<std::ptrdiff_t>(s.channels_in) * s.height * s.width;
    dy += static_cast<std::ptrdiff_t>(s.channels_out) * s.out_height * s.out_width;
  }
}

std::int64_t dot_loop(std::int64_t rounds, float* sink) {
  constexpr int kSums = 12;
  const auto a = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x3F003F00));  // 1/2
  const auto b = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x33803380));  // 2^-24
  __m512 sum[kSums];
#pragma GCC unroll 16
  for (int i = 0; i < kSums; ++i) sum[i] = _mm512_set1_ps(*sink + static_cast<float>(i));
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kSums; ++i) sum[i] = _mm512_dpbf16_ps(sum[i], a, b);
  }
  for (int i = 1; i < kSums; ++i) sum[0] = _mm512_add_ps(sum[0], sum[i]);
  alignas(64) float lanes[16];
  _mm512_store_ps(lanes, sum[0]);
  *sink = lanes[0];
  return rounds * kSums * 16 * 4;
}

}  // namespace dagfusion::kernels
