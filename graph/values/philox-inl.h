// Blocks of random numbers (graph/values/random.h), as many at once as a vector has 64-bit lanes;
// once per instruction set that has vectors.
#if defined(DAGFUSION_VALUES_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DAGFUSION_VALUES_PHILOX_INL_H_
#undef DAGFUSION_VALUES_PHILOX_INL_H_
#else
#define DAGFUSION_VALUES_PHILOX_INL_H_
#endif

#include "graph/values/random.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

// Philox4x32-10 of the blocks whose numbers are in `index`, vectors of 64-bit words:
// the low half counts, the high half is junk.
template <class D, class V = hn::Vec<D> >
HWY_INLINE void Philox(D d, const RandomStream& stream, V index, V& c0, V& c1, V& c2, V& c3) {
  const hn::Repartition<std::uint32_t, D> half;
  const auto m0 = hn::BitCast(half, hn::Set(d, 0xD2511F53u)), m1 = hn::BitCast(half, hn::Set(d, 0xCD9E8D57u));
  c0 = hn::Set(d, stream.image);
  c1 = hn::Set(d, stream.image >> 32);
  c2 = hn::Set(d, stream.iteration);
  c3 = index;
  std::uint32_t k0 = stream.key[0], k1 = stream.key[1];
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    const V a = hn::MulEven(hn::BitCast(half, c0), m0), b = hn::MulEven(hn::BitCast(half, c2), m1);
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(b), c1), hn::Set(d, k0));
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(a), c3), hn::Set(d, k1));
    c1 = b;
    c3 = a;
  }
}

#endif

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
