// Vectors of floats from and to arrays of floats or bfloat16, once per instruction set.
#if defined(DAGFUSION_VALUES_BFLOAT16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DAGFUSION_VALUES_BFLOAT16_INL_H_
#undef DAGFUSION_VALUES_BFLOAT16_INL_H_
#else
#define DAGFUSION_VALUES_BFLOAT16_INL_H_
#endif

#include "graph/values/bfloat16.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> LoadFloats(D d, const float* x) {
  return hn::LoadU(d, x);
}
template <class D>
HWY_INLINE hn::Vec<D> LoadFloats(D d, const BFloat16* x) {
  const hn::RebindToUnsigned<D> du;
  const auto half = hn::LoadU(hn::Rebind<std::uint16_t, D>(), reinterpret_cast<const std::uint16_t*>(x));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du, half)));
}

template <class D>
HWY_INLINE void StoreFloats(hn::Vec<D> v, D d, float* y) {
  hn::StoreU(v, d, y);
}
// As to_bfloat16(). The rounded word is shifted down with its sign,
// so that DemoteTo, which saturates, leaves its lower half as it is.
template <class D>
HWY_INLINE void StoreFloats(hn::Vec<D> v, D, BFloat16* y) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<std::int16_t, D> d16;
  const auto bits = hn::BitCast(du, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const auto rounded = hn::Add(bits, hn::Add(hn::Set(du, 0x7FFF), odd));
  const auto kept =
      hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(v)), hn::Or(bits, hn::Set(du, 0x400000)), rounded);
  hn::StoreU(hn::DemoteTo(d16, hn::ShiftRight<16>(hn::BitCast(di, kept))), d16,
             reinterpret_cast<std::int16_t*>(y));
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
