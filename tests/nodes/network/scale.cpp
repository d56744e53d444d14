#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Scale, MultipliesEveryElement) {
  OneNode scale("{type: scale, factor: 0.5}", {{"x", {{1, 1, 1, 3}, {1, -2, 3}}}});
  scale.forward();
  EXPECT_EQ(scale.output("y").values, (std::vector<float>{0.5, -1, 1.5}));
}

TEST(Scale, HasTheGradientsOfFiniteDifferences) {
  OneNode scale("{type: scale, factor: -0.75}", {{"x", gaussian({2, 3, 2, 2}, 1)}}, {.training = true});
  expect_gradients_match(scale);
}

TEST(Scale, KeepsTheLayoutOfItsInput) {
  const Plain x = gaussian({2, 11, 2, 3}, 1);
  OneNode plain("{type: scale, factor: 3}", {{"x", x}});
  OneNode blocked("{type: scale, factor: 3}", {{"x", x}}, {.blocked = {"x"}});
  plain.forward();
  blocked.forward();
  EXPECT_EQ(blocked.output_spec("y").block, 8);
  EXPECT_EQ(blocked.output("y").values, plain.output("y").values);
}

}  // namespace
}  // namespace dagfusion::tests
