// The tile that every matrix product here is made of, once per instruction set (Highway includes this file
// again for each): M rows by J vectors of the result stay in registers while k runs.
#if defined(DAGFUSION_KERNELS_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DAGFUSION_KERNELS_PRODUCT_INL_H_
#undef DAGFUSION_KERNELS_PRODUCT_INL_H_
#else
#define DAGFUSION_KERNELS_PRODUCT_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "hwy/highway.h"
#include "nodes/kernels/product.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Distances in floats between vectors j and j + 1.
struct VectorSteps {
  std::ptrdiff_t right, out;
};

template <int kLanes>
struct PackedVectors {
  static constexpr std::ptrdiff_t right = kLanes, out = kLanes;
};

// Steps of which the compiler knows most. kRight: from one k to the next, of the right factor, and from one row to the
// next, of the result; that is kLanes in the blocked layout, and as many vectors where these are packed beside each other.
// The left factor is [outer][row][lane of k]; `ahead`: what is fetched while a tile is computed lies so far behind it.
template <int kLanes, int kRight>
struct ByChannels {
  std::ptrdiff_t outer, left_outer, right_outer, left_four, out_four, ahead;
  static constexpr std::ptrdiff_t inner = kLanes, left_row = kLanes, left_inner = 1, right_inner = kRight,
                                  out_row = kRight;
};
// It is [k][row].
template <int kLanes, int kRight>
struct ByRows {
  std::ptrdiff_t inner;
  static constexpr std::ptrdiff_t outer = 1, left_outer = 0, right_outer = 0, left_row = 1,
                                  left_inner = kLanes, left_four = 4, right_inner = kRight, out_row = kRight,
                                  out_four = 4 * kRight;
};
// It is [row][k].
template <int kRight>
struct ByNeighbours {
  std::ptrdiff_t inner, left_row, left_four;
  static constexpr std::ptrdiff_t outer = 1, left_outer = 0, right_outer = 0, left_inner = 1,
                                  right_inner = kRight, out_row = kRight, out_four = 4 * kRight;
};

// Where row m lies: rows lie in fours.
HWY_INLINE std::ptrdiff_t RowAt(std::ptrdiff_t m, std::ptrdiff_t row, std::ptrdiff_t four) {
  return m / 4 * four + m % 4 * row;
}

// Every element of the result is one chain of multiply-adds in the order of k, whatever M and J are: its bits
// do not depend on how many rows there are. M * J of 8 and more hide the latency of a multiply-add; 12 leave
// registers for the operands on AVX2, 24 on AVX-512. Without the pragmas g++ keeps the sums in memory.
template <int M, int J, class D, class Steps, class Vectors>
HWY_NOINLINE void Tile(D d, const Steps& s, const Vectors& v, const float* left, const float* right,
                       float* out, Into into) {
  hn::Vec<D> sum[M][J];
#pragma GCC unroll 16
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 16
    for (int j = 0; j < J; ++j) {
      sum[m][j] = into == Into::extend ? hn::LoadU(d, out + RowAt(m, s.out_row, s.out_four) + j * v.out)
                                       : hn::Zero(d);
    }
  }
  for (std::ptrdiff_t o = 0; o < s.outer; ++o) {
    const float* a = left + o * s.left_outer;
    const float* b = right + o * s.right_outer;
    if constexpr (requires { s.ahead; }) {
      constexpr int kLine = 16;
#pragma GCC unroll 16
      for (int at = 0; at < M * static_cast<int>(s.left_row); at += kLine)
        __builtin_prefetch(a + s.ahead + RowAt(at / static_cast<int>(s.left_row), s.left_row, s.left_four) +
                           at % static_cast<int>(s.left_row));
    }
#pragma GCC unroll 4
    for (std::ptrdiff_t i = 0; i < s.inner; ++i, a += s.left_inner, b += s.right_inner) {
      hn::Vec<D> columns[J];
#pragma GCC unroll 16
      for (int j = 0; j < J; ++j) columns[j] = hn::LoadU(d, b + j * v.right);
#pragma GCC unroll 16
      for (int m = 0; m < M; ++m) {
        const auto row = hn::Set(d, a[RowAt(m, s.left_row, s.left_four)]);
#pragma GCC unroll 16
        for (int j = 0; j < J; ++j) sum[m][j] = hn::MulAdd(row, columns[j], sum[m][j]);
      }
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 16
    for (int j = 0; j < J; ++j) {
      float* to = out + RowAt(m, s.out_row, s.out_four) + j * v.out;
      hn::StoreU(into == Into::add ? hn::Add(hn::LoadU(d, to), sum[m][j]) : sum[m][j], d, to);
    }
  }
}

template <int J, class D, class Steps, class Vectors>
HWY_INLINE void Rows(D d, std::ptrdiff_t rows, const Steps& s, const Vectors& v, const float* left,
                     const float* right, float* out, Into into) {
  constexpr bool kManyRegisters = HWY_MAX_BYTES == 64;
  constexpr int kMost = kManyRegisters ? (J == 1 ? 16 : 24 / J) : J == 1 ? 8 : 4;
  std::ptrdiff_t m = 0;
  for (; m + kMost <= rows; m += kMost) {
    Tile<kMost, J>(d, s, v, left, right, out, into);
    left += kMost / 4 * s.left_four;
    out += kMost / 4 * s.out_four;
  }
  if constexpr (kMost > 4) {
    for (; rows - m >= 4; m += 4, left += s.left_four, out += s.out_four)
      Tile<4, J>(d, s, v, left, right, out, into);
  }
  switch (rows - m) {
    case 3:
      return Tile<3, J>(d, s, v, left, right, out, into);
    case 2:
      return Tile<2, J>(d, s, v, left, right, out, into);
    case 1:
      return Tile<1, J>(d, s, v, left, right, out, into);
    default:
      return;
  }
}

// As many vectors as a tile takes of those that are left:
// by threes, but no single one at the end where two twos do.
HWY_INLINE int Together(std::ptrdiff_t left) { return left == 3 || left >= 5 ? 3 : left >= 2 ? 2 : 1; }

// Calls f(the number as a constant).
template <class F>
HWY_INLINE void WithVectors(int vectors, const F& f) {
  switch (vectors) {
    case 3:
      return f(std::integral_constant<int, 3>());
    case 2:
      return f(std::integral_constant<int, 2>());
    default:
      return f(std::integral_constant<int, 1>());
  }
}

template <class D>
HWY_INLINE void Tiles(D d, std::ptrdiff_t rows, int vectors, ProductSteps s, const VectorSteps& v,
                      const float* left, const float* right, float* out, Into into) {
  if (s.left_four == 0) s.left_four = 4 * s.left_row;
  if (s.out_four == 0) s.out_four = 4 * s.out_row;
  WithVectors(vectors, [&](auto j) HWY_ATTR { Rows<j>(d, rows, s, v, left, right, out, into); });
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
