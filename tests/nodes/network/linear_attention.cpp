#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

std::map<std::string, Plain> heads_of(Shape shape) {
  return {{"q", gaussian(shape, 1)}, {"k", gaussian(shape, 2)}, {"v", gaussian(shape, 3)}};
}

// One channel: queries weigh 1, and keys ln 3, ln 1 and the one in memory, of 0, weigh 3/5, 1/5 and 1/5. The values are 10 and
// 20, and 0 in memory, so that every pixel takes 3/5 * 10 + 1/5 * 20 = 10.
TEST(LinearAttention, GivesEveryPixelASumOverAllPixelsAndTheMemory) {
  OneNode node("{type: linear_attention, heads: 1, memory: 1}", {{"q", {{1, 1, 1, 2}, {5, -7}}},
                                                                 {"k", {{1, 1, 1, 2}, {std::log(3.0f), 0}}},
                                                                 {"v", {{1, 1, 1, 2}, {10, 20}}}});
  node.set_weight("memory", {0, 0});
  node.forward();
  EXPECT_NEAR(node.output("y").values[0], 10, 1e-5);
  EXPECT_NEAR(node.output("y").values[1], 10, 1e-5);
}

TEST(LinearAttention, HasTheGradientsOfFiniteDifferences) {
  OneNode node("{type: linear_attention, heads: 2, memory: 3}", heads_of({2, 6, 2, 2}), {.training = true});
  expect_gradients_match(node);
}

TEST(LinearAttention, RejectsHeadsThatDoNotDivideTheChannels) {
  EXPECT_EQ(refusal("{type: linear_attention, heads: 4}", heads_of({1, 6, 2, 2})),
            "test.yaml:1:33: node 'node' (linear_attention): 'heads' is 4, which does not divide the 6 "
            "channels of 'q'");
}

}  // namespace
}  // namespace dagfusion::tests
