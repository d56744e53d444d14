#include "tools/sweep/ticks.h"

#include <gtest/gtest.h>

#include <cmath>

namespace dagfusion {
namespace {

void expect_near(const std::vector<double>& ticks, const std::vector<double>& wanted) {
  ASSERT_EQ(ticks.size(), wanted.size());
  for (std::size_t i = 0; i < ticks.size(); ++i) EXPECT_NEAR(ticks[i], wanted[i], 1e-9 * std::abs(wanted[i]));
}

TEST(Ticks, AreRoundNumbersAtEqualDistances) {
  expect_near(round_ticks(0, 1600, 6), {0, 500, 1000, 1500});
  expect_near(round_ticks(0, 400, 6), {0, 100, 200, 300, 400});
  expect_near(round_ticks(0.031, 0.035, 6), {0.031, 0.032, 0.033, 0.034, 0.035});
}

TEST(Ticks, OfStepsAreWholeNumbers) {
  expect_near(round_ticks(0, 6, 6, 1), {0, 2, 4, 6});
  expect_near(round_ticks(0, 3, 6, 1), {0, 1, 2, 3});
}

TEST(Ticks, OfALogarithmicAxisAreOneTwoFive) {
  expect_near(log_ticks(0.04, 1.1, 6), {0.05, 0.1, 0.2, 0.5, 1});
  expect_near(log_ticks(0.001, 10, 6), {0.001, 0.01, 0.1, 1, 10});
  expect_near(log_ticks(0.031, 0.036, 6), {0.031, 0.032, 0.033, 0.034, 0.035, 0.036});
  expect_near(log_ticks(1e-20, 1, 6), {1e-20, 1e-15, 1e-10, 1e-5, 1});
}

}  // namespace
}  // namespace dagfusion
