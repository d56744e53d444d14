#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Nudge, MovesEveryNumberUpOrDownByAShareOfTheNoise) {
  constexpr int n = 4096;
  OneNode nudge("{type: nudge, size: 0.25}", {{"x", {{1, n}, std::vector<float>(n, 1)}}, {"t", {{1}, {2}}}},
                {.sections = "diffusion: {process: ve, prediction: epsilon}"});
  nudge.forward();
  const std::vector<float> first = nudge.output("out").values;
  int up = 0;
  for (const float value : first) {
    ASSERT_TRUE(value == 1.5f || value == .5f) << value;  // 1 + 0.25 * 2, 1 - 0.25 * 2
    up += value > 1;
  }
  EXPECT_NEAR(up, n / 2, 3 * 32);  // 3 standard deviations
  nudge.at(0, 1);
  nudge.forward();
  EXPECT_NE(nudge.output("out").values, first);
}

}  // namespace
}  // namespace dagfusion::tests
