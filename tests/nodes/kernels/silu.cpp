#include "nodes/kernels/silu.h"

#include <limits>

#include "tests/fixtures/kernels.h"

namespace dagfusion::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> grid(float from, float to, std::size_t n) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i)
    x[i] = from + (to - from) * static_cast<float>(i) / static_cast<float>(n - 1);
  return x;
}

TEST(KernelsSilu, ExponentialKeepsItsErrorBound) {
  auto x = grid(-87, 88, 400001);
  const auto fine = grid(-1, 1, 100001);
  x.insert(x.end(), fine.begin(), fine.end());
  std::vector<float> y(x.size());
  with_every_instruction_set([&] {
    const double slope = instruction_set().starts_with("AVX") ? 1.5e-8 : 8e-8;
    exponential(x.data(), y.data(), x.size());
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = std::abs(y[i] / std::exp(double{x[i]}) - 1), bound = 2e-7 + slope * std::abs(x[i]);
      ASSERT_LE(error, bound) << "exp(" << x[i] << ")";
      worst = std::max(worst, error);
    }
    EXPECT_GE(worst, 5e-8);  // it has been measured at all
  });
}

TEST(KernelsSilu, ExponentialClampsAndKeepsNan) {
  const std::vector<float> x{0, -87, 88, -1000, 1000, -kInfinity, kInfinity, kNan};
  std::vector<float> y(x.size());
  with_every_instruction_set([&] {
    exponential(x.data(), y.data(), x.size());
    EXPECT_EQ(y[0], 1.0f);
    EXPECT_EQ(y[3], y[1]);
    EXPECT_EQ(y[4], y[2]);
    EXPECT_EQ(y[5], y[1]);
    EXPECT_EQ(y[6], y[2]);
    EXPECT_TRUE(std::isnan(y[7]));
  });
}

TEST(KernelsSilu, KeepsItsErrorBound) {
  const auto x = grid(-87, 100, 300001);
  std::vector<float> y(x.size());
  with_every_instruction_set([&] {
    silu(x.data(), y.data(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = double{x[i]} / (1 + std::exp(-double{x[i]}));
      const double bound = 4e-7 + 8e-8 * std::max(0.0f, -x[i]);
      ASSERT_LE(std::abs(y[i] - exact), bound * std::abs(exact)) << "silu(" << x[i] << ")";
    }
  });
}

// The slope's two terms cancel near x = -1.28, so the bound is absolute there.
TEST(KernelsSilu, BackwardMatchesTheReference) {
  const auto x = grid(-100, 100, 200001);
  const auto dy = random_floats(x.size(), 1);
  std::vector<float> dx(x.size()), expected(x.size());
  reference::silu_backward(x.data(), dy.data(), expected.data(), x.size());
  with_every_instruction_set([&] {
    silu_backward(x.data(), dy.data(), dx.data(), x.size());
    expect_close(dx, expected, 1e-6, 1e-6);
  });
}

TEST(KernelsSilu, SaysNothingFiniteAboutWhatIsNotFinite) {
  const std::vector<float> x{0, 100, -100, kInfinity, -kInfinity, kNan}, dy(6, 1);
  std::vector<float> y(6), dx(6);
  with_every_instruction_set([&] {
    silu(x.data(), y.data(), 6);
    EXPECT_EQ(y[0], 0.0f);
    EXPECT_EQ(y[1], 100.0f);
    EXPECT_NEAR(y[2], 0, 2e-36);
    EXPECT_EQ(y[3], kInfinity);
    EXPECT_EQ(y[4], -kInfinity);
    EXPECT_TRUE(std::isnan(y[5]));
    silu_backward(x.data(), dy.data(), dx.data(), 6);
    EXPECT_EQ(dx[0], 0.5f);
    EXPECT_EQ(dx[1], 1.0f);
    EXPECT_NEAR(dx[2], 0, 2e-36);
    EXPECT_FALSE(std::isfinite(dx[3]));
    EXPECT_FALSE(std::isfinite(dx[4]));
    EXPECT_TRUE(std::isnan(dx[5]));
  });
}

TEST(KernelsSilu, TouchesExactlyItsElementsForEveryLength) {
  with_every_instruction_set([&] {
    for (std::size_t n = 0; n < 40; ++n) {
      const auto x = random_floats(n, 3);
      std::vector<float> y(n + 1, 7.0f), expected(n + 1, 7.0f);
      silu(x.data(), y.data(), n);
      reference::silu(x.data(), expected.data(), n);
      expect_close(y, expected, 0, 5e-7);
    }
  });
}

}  // namespace
}  // namespace dagfusion::kernels
