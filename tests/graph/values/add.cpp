#include "graph/values/add.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "graph/values/bfloat16.h"

namespace dagfusion {
namespace {

constexpr std::size_t kCounts[] = {1, 3, 16, 33, 100};  // more and fewer than whole vectors

float value(std::size_t i, float scale) { return scale * std::sin(1.7f * static_cast<float>(i) + scale); }

TEST(Add, SumsFloatsAlsoInPlace) {
  for (const std::size_t count : kCounts) {
    std::vector<float> a(count), b(count), sum(count);
    for (std::size_t i = 0; i < count; ++i) a[i] = value(i, 3), b[i] = value(i, 0.01f);
    add(a.data(), b.data(), sum.data(), count);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(sum[i], a[i] + b[i]);
    add(a.data(), b.data(), a.data(), count);
    EXPECT_EQ(a, sum);
  }
}

TEST(Add, RoundsTheSumOfHalvesOnce) {
  for (const std::size_t count : kCounts) {
    std::vector<BFloat16> a(count), b(count), sum(count);
    for (std::size_t i = 0; i < count; ++i)
      a[i] = to_bfloat16(value(i, 3)), b[i] = to_bfloat16(value(i, 0.01f));
    a.back() = to_bfloat16(NAN);
    const TensorSpec spec = {.dtype = DType::bf16, .shape = {static_cast<std::int64_t>(count)}};
    const auto bytes = [](std::vector<BFloat16>& values) {
      return reinterpret_cast<std::byte*>(values.data());
    };
    add(spec, bytes(a), bytes(b), bytes(sum));
    for (std::size_t i = 0; i < count; ++i)
      EXPECT_EQ(sum[i].bits, to_bfloat16(to_float(a[i]) + to_float(b[i])).bits) << i << " of " << count;
  }
}

}  // namespace
}  // namespace dagfusion
