#include "graph/values/add.h"

#include "graph/values/bfloat16.h"

namespace dagfusion {

void add(const TensorSpec& spec, const std::byte* a, const std::byte* b, std::byte* sum) {
  const std::size_t count = spec.stored_elements();
  if (spec.dtype == DType::bf16) {
    const auto *first = reinterpret_cast<const BFloat16*>(a), *second = reinterpret_cast<const BFloat16*>(b);
    auto* to = reinterpret_cast<BFloat16*>(sum);
    for (std::size_t i = 0; i < count; ++i) to[i] = to_bfloat16(to_float(first[i]) + to_float(second[i]));
    return;
  }
  add(reinterpret_cast<const float*>(a), reinterpret_cast<const float*>(b), reinterpret_cast<float*>(sum),
      count);
}

void add(const float* a, const float* b, float* sum, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) sum[i] = a[i] + b[i];
}

}  // namespace dagfusion
