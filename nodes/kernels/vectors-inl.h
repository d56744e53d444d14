// What the kernels share, once per instruction set (Highway includes this file again for each): loops over
// arrays, exp, log, sine and cosine. Coefficients are minimax polynomials (Remez), rounded to float.
#if defined(DAGFUSION_KERNELS_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DAGFUSION_KERNELS_VECTORS_INL_H_
#undef DAGFUSION_KERNELS_VECTORS_INL_H_
#else
#define DAGFUSION_KERNELS_VECTORS_INL_H_
#endif

#include <cstddef>
#include <cstring>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
constexpr std::size_t kMaxLanes = HWY_MAX_BYTES / sizeof(float);

// The last, incomplete vector of an array goes through a buffer, so that nothing beyond the end is touched.
template <class D>
HWY_INLINE hn::Vec<D> LoadLast(D d, const float* from, std::size_t left, float padding = 0) {
  HWY_ALIGN float buffer[kMaxLanes];
  for (float& value : buffer) value = padding;
  std::memcpy(buffer, from, left * sizeof(float));
  return hn::Load(d, buffer);
}

template <class D>
HWY_INLINE void StoreLast(hn::Vec<D> v, D d, float* to, std::size_t left) {
  HWY_ALIGN float buffer[kMaxLanes];
  hn::Store(v, d, buffer);
  std::memcpy(to, buffer, left * sizeof(float));
}

// out[i] = f(in[i]...) for i < n.
template <class F, class... In>
HWY_INLINE void Map(float* out, std::size_t n, const F& f, const In*... in) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto first = f(hn::LoadU(d, in + i)...);
    const auto second = f(hn::LoadU(d, in + i + lanes)...);
    hn::StoreU(first, d, out + i);
    hn::StoreU(second, d, out + i + lanes);
  }
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(hn::LoadU(d, in + i)...), d, out + i);
  if (i < n) StoreLast(f(LoadLast(d, in + i, n - i)...), d, out + i, n - i);
}

// exp(x), x clamped to [-87, 88], exactly 1 for 0. Relative error below 2e-7 + 1.5e-8 |x|; without fused
// multiply-add 2e-7 + 8e-8 |x|. What NaN gives depends on the instruction set.
// exp(x) = 2^n 2^f with n + f = x / ln 2 and |f| <= 1/2; adding 1.5 * 2^23 rounds to the integer n and leaves
// it in the low bits.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V round = hn::Set(d, 12582912.0f), log2e = hn::Set(d, 1.44269504f);
  x = hn::Min(hn::Set(d, 88.0f), hn::Max(hn::Set(d, -87.0f), x));
  const V shifted = hn::MulAdd(x, log2e, round);
  const V f = hn::MulSub(x, log2e, hn::Sub(shifted, round));
  const V square = hn::Mul(f, f);
  const V p01 = hn::MulAdd(f, hn::Set(d, 0.693147004f), hn::Set(d, 1.0f));
  const V p23 = hn::MulAdd(f, hn::Set(d, 0.0555073507f), hn::Set(d, 0.240222409f));
  const V p45 = hn::MulAdd(f, hn::Set(d, 0.00132645969f), hn::Set(d, 0.00967161823f));
  const V p = hn::MulAdd(square, hn::MulAdd(square, p45, p23), p01);
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
}

// 1 / (1 + exp(-x))
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, Exp(d, hn::Neg(x))));
}

// The natural logarithm of a positive, normal number; exactly 0 for 1.
// x = 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log(D d, V x) {
  const hn::RebindToSigned<D> di;
  const auto root = hn::Set(di, 0x3F3504F3);  // the bits of sqrt(1/2)
  const auto above = hn::Sub(hn::BitCast(di, x), root);
  const auto exponent = hn::ShiftRight<23>(above);
  const V n = hn::ConvertTo(d, exponent);
  const V f =
      hn::Sub(hn::BitCast(d, hn::Sub(hn::BitCast(di, x), hn::ShiftLeft<23>(exponent))), hn::Set(d, 1.0f));
  V p = hn::Set(d, -0.0763419792f);
  p = hn::MulAdd(p, f, hn::Set(d, 0.127613872f));
  p = hn::MulAdd(p, f, hn::Set(d, -0.131602049f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.142017871f));
  p = hn::MulAdd(p, f, hn::Set(d, -0.166233584f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.200012252f));
  p = hn::MulAdd(p, f, hn::Set(d, -0.250008196f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.333333313f));
  const V square = hn::Mul(f, f);
  p = hn::MulAdd(hn::Mul(square, f), p, hn::Mul(n, hn::Set(d, -2.12194440e-4f)));
  p = hn::Add(hn::NegMulAdd(hn::Set(d, 0.5f), square, p), f);
  return hn::MulAdd(n, hn::Set(d, 0.693359375f), p);
}

// Cosine and sine of the angle 2 pi word / 2^32. The two high bits of word + 2^29 are the quadrant; what is
// left over is an angle of at most pi/4 to either side.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void CosSin(D d, hn::Vec<hn::RebindToUnsigned<D>> word, V& cosine, V& sine) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const auto sign = hn::Set(du, 0x80000000u);
  const auto swap = hn::Set(du, 0x40000000u);
  const auto quadrant = hn::And(hn::Add(word, hn::Set(du, 0x20000000u)), hn::Set(du, 0xC0000000u));
  const auto rest = hn::BitCast(di, hn::Sub(word, quadrant));
  const V a = hn::Mul(hn::ConvertTo(d, rest), hn::Set(d, 1.46291807926715968e-9f));  // 2 pi / 2^32
  const V u = hn::Mul(a, a);
  V s = hn::MulAdd(u, hn::Set(d, -0.000195152505f), hn::Set(d, 0.0083321603f));
  s = hn::MulAdd(u, s, hn::Set(d, -0.166666552f));
  s = hn::MulAdd(hn::Mul(u, a), s, a);
  V c = hn::MulAdd(u, hn::Set(d, 2.44384155e-05f), hn::Set(d, -0.00138873677f));
  c = hn::MulAdd(u, c, hn::Set(d, 0.0416666456f));
  c = hn::MulAdd(hn::Mul(u, u), c, hn::NegMulAdd(hn::Set(d, 0.5f), u, hn::Set(d, 1.0f)));
  const auto swapped = hn::RebindMask(d, hn::Eq(hn::And(quadrant, swap), swap));
  cosine = hn::Xor(hn::IfThenElse(swapped, s, c), hn::BitCast(d, hn::And(hn::Add(quadrant, swap), sign)));
  sine = hn::Xor(hn::IfThenElse(swapped, c, s), hn::BitCast(d, hn::And(quadrant, sign)));
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
