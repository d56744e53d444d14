#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

std::map<std::string, Plain> heads_of(Shape shape) {
  return {{"q", gaussian(shape, 1)}, {"k", gaussian(shape, 2)}, {"v", gaussian(shape, 3)}};
}

// One channel: the query of 1 meets keys ln 3 and 0, and 0 in memory: it weighs 3/5, 1/5 and 1/5; the query of 0 weighs all
// alike. The values are 10 and 20, and 60 in memory.
TEST(MemoryAttention, MixesTheValuesOfAllPixelsAndOfTheMemory) {
  OneNode node("{type: memory_attention, heads: 1, memory: 1}", {{"q", {{1, 1, 1, 2}, {1, 0}}},
                                                                 {"k", {{1, 1, 1, 2}, {std::log(3.0f), 0}}},
                                                                 {"v", {{1, 1, 1, 2}, {10, 20}}}});
  node.set_weight("memory", {0, 60});
  node.forward();
  EXPECT_NEAR(node.output("y").values[0], 22, 1e-4);
  EXPECT_NEAR(node.output("y").values[1], 30, 1e-4);
}

TEST(MemoryAttention, HasTheGradientsOfFiniteDifferences) {
  OneNode node("{type: memory_attention, heads: 2, memory: 3}", heads_of({2, 6, 2, 2}), {.training = true});
  expect_gradients_match(node);
}

TEST(MemoryAttention, RejectsHeadsThatDoNotDivideTheChannels) {
  EXPECT_EQ(refusal("{type: memory_attention, heads: 4}", heads_of({1, 6, 2, 2})),
            "test.yaml:1:33: node 'node' (memory_attention): 'heads' is 4, which does not divide the 6 "
            "channels of 'q'");
}

}  // namespace
}  // namespace dagfusion::tests
