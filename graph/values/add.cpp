#include "graph/values/add.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graph/values/add.cpp"
#include "hwy/foreach_target.h"
// Behind that one:
#include "graph/values/bfloat16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using kernels::HWY_NAMESPACE::LoadFloats;
using kernels::HWY_NAMESPACE::StoreFloats;

template <class T>
void Add(const T* a, const T* b, T* sum, std::size_t count) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    StoreFloats(hn::Add(LoadFloats(d, a + i), LoadFloats(d, b + i)), d, sum + i);
  for (; i < count; ++i) set(sum[i], to_float(a[i]) + to_float(b[i]));
}

void AddFloats(const float* a, const float* b, float* sum, std::size_t count) { Add(a, b, sum, count); }
void AddHalves(const BFloat16* a, const BFloat16* b, BFloat16* sum, std::size_t count) {
  Add(a, b, sum, count);
}

}  // namespace dagfusion::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion {

HWY_EXPORT(AddFloats);
HWY_EXPORT(AddHalves);

void add(const TensorSpec& spec, const std::byte* a, const std::byte* b, std::byte* sum) {
  const std::size_t count = spec.stored_elements();
  if (spec.dtype != DType::bf16)
    return add(reinterpret_cast<const float*>(a), reinterpret_cast<const float*>(b),
               reinterpret_cast<float*>(sum), count);
  HWY_DYNAMIC_DISPATCH(AddHalves)
  (reinterpret_cast<const BFloat16*>(a), reinterpret_cast<const BFloat16*>(b),
   reinterpret_cast<BFloat16*>(sum), count);
}

void add(const float* a, const float* b, float* sum, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(AddFloats)(a, b, sum, count);
}

}  // namespace dagfusion
#endif
