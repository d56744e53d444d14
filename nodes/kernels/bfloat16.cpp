#include "nodes/kernels/bfloat16.h"

#include "nodes/kernels/bfloat16_dots.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/bfloat16.cpp"
#include "hwy/foreach_target.h"
// Behind that one:
#include "graph/values/bfloat16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

void Widen(const BFloat16* x, float* y, std::size_t n) {
  const Floats d;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) hn::StoreU(LoadFloats(d, x + i), d, y + i);
  for (; i < n; ++i) y[i] = to_float(x[i]);
}

void Narrow(const float* x, BFloat16* y, std::size_t n) {
  const Floats d;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) StoreFloats(hn::LoadU(d, x + i), d, y + i);
  for (; i < n; ++i) y[i] = to_bfloat16(x[i]);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(Widen);
HWY_EXPORT(Narrow);

bool has_bfloat16_dots() {
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

void widen(const BFloat16* x, float* y, std::size_t n) { HWY_DYNAMIC_DISPATCH(Widen)(x, y, n); }
void narrow(const float* x, BFloat16* y, std::size_t n) { HWY_DYNAMIC_DISPATCH(Narrow)(x, y, n); }

}  // namespace dagfusion::kernels
#endif
