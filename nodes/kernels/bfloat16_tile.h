// The tile that every bfloat16 product here is made of: M rows by J vectors of the result stay in registers while the pairs
// of the sum run. Only for files that are compiled for AVX512-BF16 (CMakeLists.txt).
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstddef>

#include "graph/values/bfloat16.h"
#include "nodes/kernels/product.h"

namespace dagfusion::kernels {

// out[m,n] = sum over pairs of left[m] * right[n]. Distances in elements.
struct Dots {
  std::ptrdiff_t outer, pairs;  // how many pairs there are
  std::ptrdiff_t left_row, left_outer, left_pair;
  std::ptrdiff_t right_outer, right_block;  // [block][outer][pair][16][2]
  std::ptrdiff_t out_row, out_block;
};

inline constexpr int kDotBlock = 16;
inline constexpr int kDotPairs = 2 * kDotBlock;  // halves in a vector of pairs

template <int M, int J, Into into>
[[gnu::noinline]] void dots_tile(const Dots& s, const BFloat16* left, const BFloat16* right, float* out) {
  __m512 sum[M][J];
#pragma GCC unroll 16
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 16
    for (int j = 0; j < J; ++j) sum[m][j] = _mm512_setzero_ps();
  for (std::ptrdiff_t o = 0; o < s.outer; ++o) {
    const BFloat16 *a = left + o * s.left_outer, *b = right + o * s.right_outer;
    for (std::ptrdiff_t p = 0; p < s.pairs; ++p, a += s.left_pair, b += kDotPairs) {
      __m512bh columns[J];
#pragma GCC unroll 16
      for (int j = 0; j < J; ++j)
        columns[j] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + j * s.right_block));
#pragma GCC unroll 16
      for (int m = 0; m < M; ++m) {
        int two;
        __builtin_memcpy(&two, a + m * s.left_row, sizeof two);
        const auto row = reinterpret_cast<__m512bh>(_mm512_set1_epi32(two));
#pragma GCC unroll 16
        for (int j = 0; j < J; ++j) sum[m][j] = _mm512_dpbf16_ps(sum[m][j], row, columns[j]);
      }
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 16
    for (int j = 0; j < J; ++j) {
      float* to = out + m * s.out_row + j * s.out_block;
      _mm512_storeu_ps(to, into == Into::add ? _mm512_add_ps(_mm512_loadu_ps(to), sum[m][j]) : sum[m][j]);
    }
}

// As many blocks as a tile takes of those that are left: by threes, but no single one at the end where two twos do.
inline std::ptrdiff_t blocks_together(std::ptrdiff_t left) {
  return left == 3 || left >= 5 ? 3 : left >= 2 ? 2 : 1;
}

// Two rows of 16 halves, one behind the other, to 16 pairs.
inline __m512i paired_up(__m512i rows) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                                         22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, rows);
}

}  // namespace dagfusion::kernels
