#include "tools/sweep/paired.h"

#include <gtest/gtest.h>

#include <cmath>

namespace dagfusion::tests {
namespace {

// Quantiles as in any table of the t distribution.
TEST(Paired, KnowsStudentsT) {
  EXPECT_NEAR(student_t(1), 12.7062, 1e-3);
  EXPECT_NEAR(student_t(2), 4.30265, 1e-4);
  EXPECT_NEAR(student_t(9), 2.26216, 1e-4);
  EXPECT_NEAR(student_t(1000), 1.96234, 1e-4);
}

// 1, 2, 3: mean 2, standard deviation 1, so 4.30265 / sqrt(3) to each side.
TEST(Paired, GivesTheMeanAndWhereItLies) {
  const Interval i = interval_of({1, 2, 3});
  EXPECT_DOUBLE_EQ(i.mean, 2);
  EXPECT_NEAR(i.high - 2, 4.30265 / std::sqrt(3), 1e-4);
  EXPECT_NEAR(2 - i.low, 4.30265 / std::sqrt(3), 1e-4);
  EXPECT_EQ(i.count, 3);
}

TEST(Paired, SaysNothingFromOneValue) {
  const Interval i = interval_of({5});
  EXPECT_EQ(i.mean, 5);
  EXPECT_TRUE(std::isinf(i.low) && std::isinf(i.high));
}

}  // namespace
}  // namespace dagfusion::tests
