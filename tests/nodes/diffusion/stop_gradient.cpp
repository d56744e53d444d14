#include <gtest/gtest.h>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(StopGradient, HandsItsInputOn) {
  OneNode node("{type: stop_gradient}", {{"x", numbered({2, 3, 2, 2})}});
  node.forward();
  EXPECT_EQ(node.output("out").values, numbered({2, 3, 2, 2}).values);
  EXPECT_EQ(node.output("out").shape, Shape({2, 3, 2, 2}));
}

TEST(StopGradient, TakesAnyDtype) {
  OneNode node("{type: stop_gradient}", {{"x", numbered({2, 5})}}, {.dtypes = {{"x", DType::u8}}});
  node.forward();
  EXPECT_EQ(node.output_spec("out").dtype, DType::u8);
  EXPECT_EQ(node.output("out").values, numbered({2, 5}).values);
}

TEST(StopGradient, LetsNothingFlowBack) {
  EXPECT_TRUE(catalog().find("stop_gradient")->stops_gradient);
  EXPECT_FALSE(catalog().find("stop_gradient")->differentiable());
}

}  // namespace
}  // namespace dagfusion::tests
