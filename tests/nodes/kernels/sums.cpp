#include "nodes/kernels/sums.h"

#include <limits>

#include "tests/fixtures/kernels.h"

namespace dagfusion::kernels {
namespace {

// Every length up to a few vectors of the widest kind, and one with many.
std::vector<std::size_t> lengths() {
  std::vector<std::size_t> all{1003, 4096};
  for (std::size_t n = 0; n <= 70; ++n) all.push_back(n);
  return all;
}

TEST(KernelsSums, ElementWiseOperationsMatchTheirFormulasForEveryLength) {
  with_every_instruction_set([] {
    for (const std::size_t n : lengths()) {
      const auto a = random_floats(n, 1), b = random_floats(n, 2), c = random_floats(n, 3);
      const auto check = [&](const auto& kernel, const auto& formula, double absolute) {
        std::vector<float> y(n + 1, 7.0f), expected(n + 1, 7.0f);
        kernel(y.data());
        for (std::size_t i = 0; i < n; ++i) expected[i] = formula(i);
        expect_close(y, expected, absolute);
      };
      check([&](float* y) { add(a.data(), b.data(), y, n); }, [&](auto i) { return a[i] + b[i]; }, 0);
      check([&](float* y) { add(a.data(), b.data(), c.data(), y, n); },
            [&](auto i) { return a[i] + b[i] + c[i]; }, 0);
      check([&](float* y) { std::copy(b.begin(), b.end(), y), accumulate(a.data(), y, n); },
            [&](auto i) { return b[i] + a[i]; }, 0);
      check([&](float* y) { scale(3, a.data(), y, n); }, [&](auto i) { return 3 * a[i]; }, 0);
      check([&](float* y) { multiply(a.data(), b.data(), y, n); }, [&](auto i) { return a[i] * b[i]; }, 0);
      check([&](float* y) { axpby(0.3f, a.data(), -0.7f, b.data(), y, n); },
            [&](auto i) { return 0.3f * a[i] - 0.7f * b[i]; }, 5e-7);
      check([&](float* y) { squared_difference_backward(0.5f, a.data(), b.data(), y, n); },
            [&](auto i) { return 0.5f * (a[i] - b[i]); }, 0);
    }
  });
}

TEST(KernelsSums, SumsMatchTheReferenceForEveryLength) {
  with_every_instruction_set([] {
    for (const std::size_t n : lengths()) {
      const auto a = random_floats(n, 1, 1, 0.5), b = random_floats(n, 2);
      const double bound = 1e-14 * static_cast<double>(n);
      EXPECT_NEAR(sum(a.data(), n), reference::sum(a.data(), n), bound) << n;
      EXPECT_NEAR(sum_of_squares(a.data(), n), reference::sum_of_squares(a.data(), n), bound) << n;
      EXPECT_NEAR(sum_of_squared_differences(a.data(), b.data(), n),
                  reference::sum_of_squared_differences(a.data(), b.data(), n), bound)
          << n;
    }
  });
}

// 1e9 and many hundreds: floats near 1e9 are 64 apart.
TEST(KernelsSums, AddsUpInDouble) {
  const std::size_t n = 1 << 22;
  std::vector<float> x(n, 100);
  x[0] = 1e9f;
  with_every_instruction_set([&] { EXPECT_EQ(sum(x.data(), n), 1e9 + 100.0 * (n - 1)); });
}

TEST(KernelsSums, MeanSquaredErrorMatchesACaseWorkedByHand) {
  // Differences 1, -2, 3: squares 1 + 4 + 9 = 14; gradient of the mean 2/3 (1, -2, 3).
  const std::vector<float> a{2, 0, 6}, b{1, 2, 3};
  std::vector<float> da(3);
  with_every_instruction_set([&] {
    EXPECT_EQ(sum_of_squared_differences(a.data(), b.data(), 3), 14.0);
    squared_difference_backward(2.0f / 3, a.data(), b.data(), da.data(), 3);
    expect_close(da, {2.0f / 3, -4.0f / 3, 2}, 1e-7);
  });
}

TEST(KernelsSums, FindsWhatIsNotFiniteWhereverItIs) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  with_every_instruction_set([] {
    EXPECT_TRUE(all_finite(nullptr, 0));
    for (const std::size_t n : {1, 5, 64, 77, 131}) {
      std::vector<float> x(n, std::numeric_limits<float>::max());
      EXPECT_TRUE(all_finite(x.data(), n));
      for (std::size_t i = 0; i < n; ++i) {
        for (const float bad : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
          x[i] = bad;
          EXPECT_FALSE(all_finite(x.data(), n)) << i << " of " << n;
          x[i] = -1;
        }
      }
    }
  });
}

}  // namespace
}  // namespace dagfusion::kernels
