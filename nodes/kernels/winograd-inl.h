// The transforms of Winograd's algorithm F(4x4, 3x3), once per instruction set:
// of vectors of channels, for the interpolation points 0, 1, -1, 2, -2 and infinity.
#if defined(DAGFUSION_KERNELS_WINOGRAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DAGFUSION_KERNELS_WINOGRAD_INL_H_
#undef DAGFUSION_KERNELS_WINOGRAD_INL_H_
#else
#define DAGFUSION_KERNELS_WINOGRAD_INL_H_
#endif

#include <cstddef>

#include "nodes/kernels/bfloat16-inl.h"
#include "nodes/kernels/product-inl.h"
#include "nodes/kernels/winograd_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// Each transforms one line: `from` and `to` point at vectors `step` apart.

// B^T: 6 inputs to 6 places.
struct InputLine {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE void operator()(D d, const V* x, V* to, int step) const {
    const V four = hn::Set(d, 4.0f);
    const V x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step];
    const V even = hn::NegMulAdd(four, x2, x4), odd = hn::NegMulAdd(four, x1, x3);
    const V even2 = hn::Sub(x4, x2), odd2 = hn::Sub(x3, x1), twice = hn::Add(odd2, odd2);
    to[0] = hn::MulAdd(four, hn::Sub(x[0], x2), even2);
    to[step] = hn::Add(even, odd);
    to[2 * step] = hn::Sub(even, odd);
    to[3 * step] = hn::Add(even2, twice);
    to[4 * step] = hn::Sub(even2, twice);
    to[5 * step] = hn::NegMulAdd(four, odd2, hn::Sub(x[5 * step], x3));
  }
};

// G: 3 taps to 6 places.
struct WeightLine {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE void operator()(D d, const V* w, V* to, int step) const {
    const V sixth = hn::Set(d, 1.0f / 6);
    const V w0 = w[0], w1 = w[step], w2 = w[2 * step];
    const V outer = hn::Mul(hn::Add(w0, w2), hn::Neg(sixth)), middle = hn::Mul(w1, sixth);
    const V outer2 = hn::MulAdd(w2, sixth, hn::Mul(w0, hn::Set(d, 1.0f / 24)));
    const V middle2 = hn::Mul(w1, hn::Set(d, 1.0f / 12));
    to[0] = hn::Mul(w0, hn::Set(d, 0.25f));
    to[step] = hn::Sub(outer, middle);
    to[2 * step] = hn::Add(outer, middle);
    to[3 * step] = hn::Add(outer2, middle2);
    to[4 * step] = hn::Sub(outer2, middle2);
    to[5 * step] = w2;
  }
};

// A^T: 6 places to 4 outputs.
struct OutputLine {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE void operator()(D d, const V* m, V* to, int step) const {
    const V sum = hn::Add(m[step], m[2 * step]), difference = hn::Sub(m[step], m[2 * step]);
    const V sum2 = hn::Add(m[3 * step], m[4 * step]), difference2 = hn::Sub(m[3 * step], m[4 * step]);
    to[0] = hn::Add(hn::Add(m[0], sum), sum2);
    to[step] = hn::MulAdd(hn::Set(d, 2.0f), difference2, difference);
    to[2 * step] = hn::MulAdd(hn::Set(d, 4.0f), sum2, sum);
    to[3 * step] = hn::Add(hn::MulAdd(hn::Set(d, 8.0f), difference2, difference), m[5 * step]);
  }
};

// A: the gradients of 4 outputs to 6 places.
struct OutputGradientLine {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE void operator()(D d, const V* dy, V* to, int step) const {
    const V y0 = dy[0], y1 = dy[step], y2 = dy[2 * step], y3 = dy[3 * step];
    const V even = hn::Add(y0, y2), odd = hn::Add(y1, y3);
    const V even2 = hn::MulAdd(hn::Set(d, 4.0f), y2, y0);
    const V odd2 = hn::MulAdd(hn::Set(d, 8.0f), y3, hn::Add(y1, y1));
    to[0] = y0;
    to[step] = hn::Add(even, odd);
    to[2 * step] = hn::Sub(even, odd);
    to[3 * step] = hn::Add(even2, odd2);
    to[4 * step] = hn::Sub(even2, odd2);
    to[5 * step] = y3;
  }
};

// G^T: 6 places to the gradients of 3 taps.
struct WeightGradientLine {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE void operator()(D d, const V* u, V* to, int step) const {
    const V sixth = hn::Set(d, 1.0f / 6);
    const V sum = hn::Add(u[step], u[2 * step]), difference = hn::Sub(u[2 * step], u[step]);
    const V sum2 = hn::Add(u[3 * step], u[4 * step]), difference2 = hn::Sub(u[3 * step], u[4 * step]);
    const V outer = hn::NegMulAdd(sixth, sum, hn::Mul(sum2, hn::Set(d, 1.0f / 24)));
    to[0] = hn::MulAdd(hn::Set(d, 0.25f), u[0], outer);
    to[step] = hn::MulAdd(sixth, difference, hn::Mul(difference2, hn::Set(d, 1.0f / 12)));
    to[2 * step] = hn::MulAdd(sixth, hn::Sub(sum2, sum), u[5 * step]);
  }
};

// Columns, then rows: from[kFrom * kFrom] to to[kTo * kTo].
template <int kFrom, int kTo, class D, class V, class Line>
HWY_INLINE void Transform(D d, const V* from, V* to, Line line) {
  V between[kTo * kFrom];
#pragma GCC unroll 6
  for (int j = 0; j < kFrom; ++j) line(d, from + j, between + j, kFrom);
#pragma GCC unroll 6
  for (int i = 0; i < kTo; ++i) line(d, between + i * kFrom, to + i * kTo, 1);
}

// The patches of 6x6 inputs that some tiles read, transformed: to[place][vector of channels][tile][lane],
// places `step` floats apart, `room` tiles in a row. T: of the feature maps, float or BFloat16.
template <class D, class T>
HWY_NOINLINE void ReadPatches(D d, const Maps& maps, const T* x, int first, int count, int room, float* to,
                              std::ptrdiff_t step) {
  alignas(64) static constexpr T kZeros[16] = {};
  const int lanes = static_cast<int>(hn::Lanes(d));
  for (int t = 0; t < count; ++t) {
    const TilePlace tile(maps, first + t);
    const int row = tile.row - 1, column = tile.column - 1;
    const bool inside =
        row >= 0 && column >= 0 && row + kPatch <= maps.height && column + kPatch <= maps.width;
    std::ptrdiff_t at[kPlaces];  // -1: outside
    for (int i = 0; i < kPlaces; ++i) {
      const int r = row + i / kPatch, c = column + i % kPatch;
      const bool there = r >= 0 && r < maps.height && c >= 0 && c < maps.width;
      at[i] = there ? (static_cast<std::ptrdiff_t>(r) * maps.width + c) * maps.block : -1;
    }
    for (int c = 0; c < maps.channels; c += lanes) {
      const T* from = x + maps.at(tile.image, c);
      hn::Vec<D> read[kPlaces], made[kPlaces];
      if (inside) {
#pragma GCC unroll 36
        for (int i = 0; i < kPlaces; ++i)
          read[i] = LoadFloats(d, from + at[0] + (i / kPatch * maps.width + i % kPatch) * maps.block);
      } else {
        for (int i = 0; i < kPlaces; ++i) read[i] = LoadFloats(d, at[i] < 0 ? kZeros : from + at[i]);
      }
      Transform<kPatch, kPatch>(d, read, made, InputLine());
      float* out = to + static_cast<std::ptrdiff_t>(c) * room + t * lanes;
#pragma GCC unroll 36
      for (int i = 0; i < kPlaces; ++i) hn::Store(made[i], d, out + i * step);
    }
  }
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
