// Compiled for AVX512-BF16 (CMakeLists.txt).
//
// A dot product takes pairs along the sum. Along channels pairs lie side by side in q; of k they are turned over, so that
// 16 pixels' pairs are one vector. Along pixels, rows of a feature map, or of a matrix, are paired up.
#include "nodes/kernels/half_attention.h"

#include <algorithm>

#include "nodes/kernels/bfloat16.h"
#include "nodes/kernels/bfloat16_tile.h"
#include "nodes/kernels/softmax.h"

namespace dagfusion::kernels {
namespace {

constexpr int kBlock = kDotBlock, kPairs = kDotPairs;
constexpr int kBand = 16;  // rows of w that are in work: their sums stay in the nearest cache

template <int J>
void rows_of(const Dots& s, int rows, const BFloat16* left, const BFloat16* right, float* out) {
  const auto next = [&](int done) {
    rows -= done;
    left += done * s.left_row;
    out += done * s.out_row;
  };
  for (; rows >= 8; next(8)) dots_tile<8, J, Into::overwrite>(s, left, right, out);
  if (rows >= 4) dots_tile<4, J, Into::overwrite>(s, left, right, out), next(4);
  if (rows >= 2) dots_tile<2, J, Into::overwrite>(s, left, right, out), next(2);
  if (rows >= 1) dots_tile<1, J, Into::overwrite>(s, left, right, out);
}

// Every element of the result is summed in the order of the pairs, whatever the rows and blocks are.
void dots(const Dots& s, int rows, int blocks, const BFloat16* left, const BFloat16* right, float* out) {
  for (std::ptrdiff_t b = 0, together; b < blocks; b += together) {
    together = blocks_together(blocks - b);
    const auto some = together == 3 ? rows_of<3> : together == 2 ? rows_of<2> : rows_of<1>;
    some(s, rows, left, right + b * s.right_block, out + b * s.out_block);
  }
}

// 8 vectors of 8 words, turned over.
void transpose(__m256i* v) {
  __m256i w[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 2) {
    w[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
    w[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 4)
    for (int k = 0; k < 2; ++k) {
      v[i + 2 * k] = _mm256_unpacklo_epi64(w[i + k], w[i + k + 2]);
      v[i + 2 * k + 1] = _mm256_unpackhi_epi64(w[i + k], w[i + k + 2]);
    }
#pragma GCC unroll 8
  for (int i = 0; i < 4; ++i) {
    w[i] = _mm256_permute2x128_si256(v[i], v[i + 4], 0x20);
    w[i + 4] = _mm256_permute2x128_si256(v[i], v[i + 4], 0x31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) v[i] = w[i];
}

// [C/16,P,16] to [P/16][C/16][pair of channels][16 pixels][2]; pixels that only fill the last block up are zero.
void turn_over(const HalfAttention& s, const BFloat16* x, BFloat16* to) {
  for (int begin = 0; begin < s.pixels; begin += kBlock)
    for (int c = 0; c < s.channels; c += kBlock) {
      const BFloat16* from = x + static_cast<std::ptrdiff_t>(c) * s.pixels + begin * kBlock;
      __m256i v[kBlock];
      for (int p = 0; p < kBlock; ++p)
        v[p] = begin + p < s.pixels ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + p * kBlock))
                                    : _mm256_setzero_si256();
      transpose(v);
      transpose(v + 8);
      for (int pair = 0; pair < kBlock / 2; ++pair, to += kPairs)
        _mm512_storeu_si512(to, _mm512_inserti64x4(_mm512_castsi256_si512(v[pair]), v[8 + pair], 1));
    }
}

// 16 halves of two rows, side by side.
void pair_up(const BFloat16* first, const BFloat16* second, BFloat16* to) {
  const auto both =
      _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(first))),
                         _mm256_loadu_si256(reinterpret_cast<const __m256i*>(second)), 1);
  _mm512_storeu_si512(to, paired_up(both));
}

// [C/16,P,16] to [C/16][pair of pixels][16][2]
void pair_pixels(const HalfAttention& s, const BFloat16* x, BFloat16* to) {
  for (int pair = 0; pair < s.channels / kBlock * s.pixels / 2; ++pair, x += 2 * kBlock, to += kPairs)
    pair_up(x, x + kBlock, to);
}

struct Work {
  const HalfAttention& s;
  std::ptrdiff_t row;
  float *band, *wide, *sums;                 // [kBand,row], [row], [C/16,P,16]
  BFloat16 *w, *ds, *two, *turned, *paired;  // [P,row] thrice, then what turn_over() and pair_pixels() write
  std::size_t bytes = 0;

  Work(const HalfAttention& shape, std::byte* scratch)
      : s(shape), row(static_cast<std::ptrdiff_t>(half_attention_row(shape.pixels))) {
    const auto channels = static_cast<std::size_t>(s.channels), pixels = static_cast<std::size_t>(s.pixels);
    const auto width = static_cast<std::size_t>(row);
    const auto take = [&]<class T>(T*& place, std::size_t count) {
      place = scratch ? reinterpret_cast<T*>(scratch + bytes) : nullptr;
      bytes += (count * sizeof(T) + 63) / 64 * 64;
    };
    take(band, kBand * width), take(wide, width), take(sums, channels * pixels);
    take(w, pixels * width), take(ds, pixels * width), take(two, pixels * width);
    take(turned, channels * width), take(paired, channels * pixels);
  }

  int blocks() const { return s.channels / kBlock; }

  // f(first row, rows, their sums over channels of a and of what is turned over)
  template <class F>
  void by_bands(int first, int end, const BFloat16* a, const F& f) const {
    const Dots along_channels = {.outer = blocks(),
                                 .pairs = kBlock / 2,
                                 .left_row = kBlock,
                                 .left_outer = static_cast<std::ptrdiff_t>(s.pixels) * kBlock,
                                 .left_pair = 2,
                                 .right_outer = kBlock / 2 * kPairs,
                                 .right_block = static_cast<std::ptrdiff_t>(s.channels) * kBlock,
                                 .out_row = row,
                                 .out_block = kBlock};
    for (int i = first; i < end; i += kBand) {
      const int rows = std::min(kBand, end - i);
      dots(along_channels, rows, (s.pixels + kBlock - 1) / kBlock, a + i * kBlock, turned, band);
      f(i, rows);
    }
  }

  void weights(int i, int rows, BFloat16* to) const {
    for (int r = 0; r < rows; ++r) {
      softmax(s.scale, band + r * row, 1, static_cast<std::size_t>(s.pixels));
      narrow(band + r * row, to + (i + r) * row, static_cast<std::size_t>(s.pixels));
    }
  }

  // to[c,i] = sum over pixels j of matrix[i,j] and of what is paired
  void rows_times(const BFloat16* matrix, int i, int rows, BFloat16* to) const {
    along_pixels(matrix + i * row, row, 2, i, rows, to);
  }
  // to[c,j] = sum over pixels i of matrix[i,j] and of what is paired
  void columns_times(const BFloat16* matrix, BFloat16* to) const {
    for (int i = 0; i < s.pixels; i += 2)
      for (int j = 0; j < s.pixels; j += kBlock)
        pair_up(matrix + i * row + j, matrix + (i + 1) * row + j, two + i * row + 2 * j);
    along_pixels(two, 2, 2 * row, 0, s.pixels, to);
  }

 private:
  void along_pixels(const BFloat16* left, std::ptrdiff_t left_row, std::ptrdiff_t left_pair, int i, int rows,
                    BFloat16* to) const {
    const std::ptrdiff_t block = static_cast<std::ptrdiff_t>(s.pixels) * kBlock;
    dots({.outer = 1,
          .pairs = s.pixels / 2,
          .left_row = left_row,
          .left_outer = 0,
          .left_pair = left_pair,
          .right_outer = 0,
          .right_block = block,
          .out_row = kBlock,
          .out_block = block},
         rows, blocks(), left, paired, sums + i * kBlock);
    for (int c = 0; c < blocks(); ++c)
      narrow(sums + c * block + i * kBlock, to + c * block + i * kBlock,
             static_cast<std::size_t>(rows) * kBlock);
  }
};

}  // namespace

// A cache line between rows: rows that are 4 KiB apart share the same few places in a cache.
std::size_t half_attention_row(int pixels) {
  return static_cast<std::size_t>((pixels + kBlock - 1) / kBlock * kBlock + kPairs);
}

std::size_t half_attention_scratch(const HalfAttention& shape) { return Work(shape, nullptr).bytes; }

void half_attention_forward(const HalfAttention& shape, int first, int end, const BFloat16* q,
                            const BFloat16* k, const BFloat16* v, BFloat16* w, BFloat16* y,
                            std::byte* scratch) {
  const Work work(shape, scratch);
  BFloat16* const to = w ? w : work.w;
  turn_over(shape, k, work.turned);
  pair_pixels(shape, v, work.paired);
  work.by_bands(first, end, q, [&](int i, int rows) {
    work.weights(i, rows, to);
    work.rows_times(to, i, rows, y);
  });
}

void half_attention_backward(const HalfAttention& shape, const BFloat16* q, const BFloat16* k,
                             const BFloat16* v, const BFloat16* w, const BFloat16* dy, BFloat16* dq,
                             BFloat16* dk, BFloat16* dv, std::byte* scratch) {
  const Work work(shape, scratch);
  if (!w) {
    turn_over(shape, k, work.turned);
    work.by_bands(0, shape.pixels, q, [&](int i, int rows) { work.weights(i, rows, work.w); });
    w = work.w;
  }
  if (dv) {
    pair_pixels(shape, dy, work.paired);
    work.columns_times(w, dv);
  }
  if (!dq && !dk) return;
  turn_over(shape, v, work.turned);
  const auto pixels = static_cast<std::size_t>(shape.pixels);
  work.by_bands(0, shape.pixels, dy, [&](int i, int rows) {
    for (int r = 0; r < rows; ++r) {
      float* dw = work.band + r * work.row;
      widen(w + (i + r) * work.row, work.wide, pixels);
      softmax_backward(shape.scale, work.wide, dw, dw, 1, pixels);
      narrow(dw, work.ds + (i + r) * work.row, pixels);
    }
  });
  if (dq) {
    pair_pixels(shape, k, work.paired);
    work.rows_times(work.ds, 0, shape.pixels, dq);
  }
  if (dk) {
    pair_pixels(shape, q, work.paired);
    work.columns_times(work.ds, dk);
  }
}

}  // namespace dagfusion::kernels
