#include "nodes/kernels/silu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/silu.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// One division, and what is not finite in x stays so in x / (1 + exp(-x)).
void Silu(const float* x, float* y, std::size_t n) {
  const Floats d;
  const auto one = hn::Set(d, 1.0f);
  Map(
      y, n, [&](auto v) HWY_ATTR { return hn::Div(v, hn::Add(one, Exp(d, hn::Neg(v)))); }, x);
}

// dx = dy * (s + s * (x - x * s))
void SiluBackward(const float* x, const float* dy, float* dx, std::size_t n) {
  const Floats d;
  const auto slope = [&](auto v, auto dv) HWY_ATTR {
    const auto s = Sigmoid(d, v);
    return hn::Mul(dv, hn::MulAdd(s, hn::NegMulAdd(v, s, v), s));
  };
  Map(dx, n, slope, x, dy);
}

void Exponential(const float* x, float* y, std::size_t n) {
  const Floats d;
  Map(
      y, n, [&](auto v) HWY_ATTR { return hn::IfThenElse(hn::IsNaN(v), v, Exp(d, v)); }, x);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(Silu);
HWY_EXPORT(SiluBackward);
HWY_EXPORT(Exponential);

void silu(const float* x, float* y, std::size_t n) { HWY_DYNAMIC_DISPATCH(Silu)(x, y, n); }

void silu_backward(const float* x, const float* dy, float* dx, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(SiluBackward)(x, dy, dx, n);
}

void exponential(const float* x, float* y, std::size_t n) { HWY_DYNAMIC_DISPATCH(Exponential)(x, y, n); }

}  // namespace dagfusion::kernels
#endif
