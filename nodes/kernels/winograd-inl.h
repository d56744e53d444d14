// The transforms of Winograd's algorithm F(4x4, 3x3), once per instruction set:
// of vectors of channels, for the interpolation points 0, 1, -1, 2, -2 and infinity.
#if defined(DAGFUSION_KERNELS_WINOGRAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DAGFUSION_KERNELS_WINOGRAD_INL_H_
#undef DAGFUSION_KERNELS_WINOGRAD_INL_H_
#else
#define DAGFUSION_KERNELS_WINOGRAD_INL_H_
#endif

#include <cstddef>

#include "graph/values/bfloat16-inl.h"
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

// Columns, then rows: kFrom x kFrom vectors, which read(row, column) gives, to kTo x kTo, which write(row, column, vector)
// takes. What lies between goes through memory: there are not registers enough, and a compiler would move it to and fro.
template <int kFrom, int kTo, class D, class Line, class Read, class Write>
HWY_INLINE void Transform(D d, Line line, const Read& read, const Write& write) {
  using V = hn::Vec<D>;
  HWY_ALIGN float between[kTo * kFrom * HWY_MAX_BYTES / sizeof(float)];
  const int lanes = static_cast<int>(hn::Lanes(d));
#pragma GCC unroll 6
  for (int j = 0; j < kFrom; ++j) {
    V from[kFrom], to[kTo];
#pragma GCC unroll 6
    for (int i = 0; i < kFrom; ++i) from[i] = read(i, j);
    line(d, from, to, 1);
#pragma GCC unroll 6
    for (int i = 0; i < kTo; ++i) hn::Store(to[i], d, between + (i * kFrom + j) * lanes);
  }
#pragma GCC unroll 6
  for (int i = 0; i < kTo; ++i) {
    V from[kFrom], to[kTo];
#pragma GCC unroll 6
    for (int j = 0; j < kFrom; ++j) from[j] = hn::Load(d, between + (i * kFrom + j) * lanes);
    line(d, from, to, 1);
#pragma GCC unroll 6
    for (int j = 0; j < kTo; ++j) write(i, j, to[j]);
  }
}

// Where a tile's patch lies in x, from where its image and channel begin.
struct PatchPlace {
  PatchPlace() = default;
  PatchPlace(const Maps& maps, int number) {
    const TilePlace tile(maps, number);
    const int row = tile.row - 1, column = tile.column - 1;
    image = tile.image;
    corner = (tile.row * maps.width + tile.column) * maps.block;
    inside = row >= 0 && column >= 0 && row + kPatch <= maps.height && column + kPatch <= maps.width;
    for (int i = 0; i < kPatch; ++i) {
      rows[i] = row + i >= 0 && row + i < maps.height ? (row + i) * maps.width * maps.block : -1;
      columns[i] = std::clamp(column + i, 0, maps.width - 1) * maps.block;
      if (column + i == columns[i] / maps.block) there |= 1 << i;
    }
  }
  int image;
  int corner;  // of the tile itself
  bool inside;
  int there = 0;                      // a bit for each column that is inside
  int rows[kPatch], columns[kPatch];  // row -1: outside
};

// Four rows of four pixels are on their way to the nearest cache, which the processor cannot foresee.
template <class T>
HWY_INLINE void FetchTile(const T* corner, std::ptrdiff_t row, int bytes) {
  for (int r = 0; r < kTile; ++r)
    for (int b = 0; b < bytes; b += 64)
      __builtin_prefetch(reinterpret_cast<const char*>(corner + r * row) + b);
}

template <class D, class T, class Write>
HWY_INLINE void ReadAtBorder(D d, const PatchPlace& place, const T* x, const Write& write) {
  const auto zero = hn::Zero(d);
  const auto read = [&](int i, int j) HWY_ATTR {
    return place.rows[i] < 0 || !(place.there >> j & 1) ? zero
                                                        : LoadFloats(d, x + place.rows[i] + place.columns[j]);
  };
  Transform<kPatch, kPatch>(d, InputLine(), read, write);
}

// The patches of 6x6 inputs that some tiles read, transformed.
// T: of the feature maps, float or BFloat16.
template <class D, class T>
HWY_NOINLINE void ReadPatches(D d, const Maps& maps, const T* x, int first, int count,
                              const ScratchSteps& steps, float* to) {
  constexpr int kAhead = 4;
  constexpr int kTogether = 64;  // tiles that are read for one channel before the next one
  const int lanes = static_cast<int>(hn::Lanes(d));
  const std::ptrdiff_t row = maps.width * maps.block;
  const int bytes = kTile * lanes * static_cast<int>(sizeof(T));
  PatchPlace places[kTogether];
  for (int begin = 0; begin < count; begin += kTogether, to += kTogether / kFour * steps.four) {
    const int together = std::min(kTogether, count - begin);
    for (int t = 0; t < together; ++t) places[t] = PatchPlace(maps, first + begin + t);
    for (int c = 0; c < maps.channels; c += lanes) {
      for (int t = 0; t < together; ++t) {
        const PatchPlace& place = places[t];
        const T* from = x + maps.at(place.image, c);
        const int ahead = t + kAhead;
        if (ahead < together)
          FetchTile(x + maps.at(places[ahead].image, c) + places[ahead].corner, row, bytes);
        else if (c + lanes < maps.channels && ahead - together < together)
          FetchTile(x + maps.at(places[ahead - together].image, c + lanes) + places[ahead - together].corner,
                    row, bytes);
        float* out = to + t / kFour * steps.four + c / lanes * steps.vector + t % kFour * lanes;
        const auto write = [&](int i, int j, hn::Vec<D> made)
                               HWY_ATTR { hn::Store(made, d, out + (i * kPatch + j) * steps.place); };
        if (place.inside) {
          from += place.rows[0] + place.columns[0];
          const std::ptrdiff_t column = maps.block;
          Transform<kPatch, kPatch>(
              d, InputLine(),
              [&](int i, int j) HWY_ATTR { return LoadFloats(d, from + i * row + j * column); }, write);
        } else {
          ReadAtBorder(d, place, from, write);
        }
      }
    }
  }
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
