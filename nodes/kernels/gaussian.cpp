#include "nodes/kernels/gaussian.h"

#include <algorithm>

#include "nodes/kernels/reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/gaussian.cpp"
#include "hwy/foreach_target.h"
// Behind that one:
#include "graph/values/philox-inl.h"
#include "nodes/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR  // no vectors: take the slow formula

void Gaussian(const RandomStream& stream, float* out, std::size_t n, std::size_t first) {
  for (std::size_t i = 0; i < n; i += 4) {
    const std::size_t left = std::min<std::size_t>(4, n - i);
    double values[4];
    reference::gaussian(stream, values, left, first + i);
    std::copy_n(values, left, out + i);
  }
}

#else

using Words = hn::ScalableTag<std::uint64_t>;
using HalfWords = hn::Repartition<std::uint32_t, Words>;

// Pairs of normal numbers, one pair for each word of `u`
// and its neighbour in `angle`, written one after the other.
HWY_INLINE void StorePairs(hn::Vec<HalfWords> u, hn::Vec<HalfWords> angle, float* out) {
  const Floats d;
  const hn::RebindToSigned<Floats> di;
  const auto half = hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<1>(u)));
  const auto uniform = hn::MulAdd(half, hn::Set(d, 0x1p-31f), hn::Set(d, 0x1p-32f));  // in (0,1]
  const auto radius = hn::Sqrt(hn::Mul(hn::Set(d, -2.0f), Log(d, uniform)));
  hn::Vec<Floats> cosine, sine;
  CosSin(d, angle, cosine, sine);
  hn::StoreInterleaved2(hn::Mul(radius, cosine), hn::Mul(radius, sine), d, out);
}

// Whole groups of two vectors, in the order of the words; the last group goes through a buffer.
void Gaussian(const RandomStream& stream, float* out, std::size_t n, std::size_t first) {
  const Words d;
  const HalfWords half;
  const std::size_t blocks = hn::Lanes(d);
  const auto low = hn::Set(d, 0xFFFFFFFFu);
  for (std::size_t i = 0; i < n; i += 4 * blocks) {
    hn::Vec<Words> c0, c1, c2, c3;
    Philox(d, stream, hn::Iota(d, static_cast<std::uint32_t>((first + i) / 4)), c0, c1, c2, c3);
    const auto u = hn::BitCast(half, hn::Or(hn::And(c0, low), hn::ShiftLeft<32>(c2)));
    const auto angle = hn::BitCast(half, hn::Or(hn::And(c1, low), hn::ShiftLeft<32>(c3)));
    if (i + 4 * blocks <= n) {
      StorePairs(u, angle, out + i);
    } else {
      float buffer[2 * kMaxLanes];
      StorePairs(u, angle, buffer);
      std::copy_n(buffer, n - i, out + i);
    }
  }
}

#endif

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(Gaussian);

void gaussian(const RandomStream& stream, float* out, std::size_t n, std::size_t first) {
  HWY_DYNAMIC_DISPATCH(Gaussian)(stream, out, n, first);
}

}  // namespace dagfusion::kernels
#endif
