#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Identity, PassesValuesThrough) {
  for (const Shape& shape : {Shape{2}, Shape{2, 3}, Shape{2, 3, 4, 5}}) {
    OneNode identity("{type: identity}", {{"x", numbered(shape)}});
    identity.forward();
    EXPECT_EQ(identity.output("y").shape, shape);
    EXPECT_EQ(identity.output("y").values, numbered(shape).values);
  }
}

TEST(Identity, PassesGradientsBack) {
  OneNode identity("{type: identity}", {{"x", gaussian({2, 3, 4, 4}, 1)}},
                   {.training = true, .blocked = {"x"}});
  identity.forward();
  const Plain dy = gaussian({2, 3, 4, 4}, 2);
  identity.backward({{"y", dy}});
  EXPECT_EQ(identity.d_input("x").values, dy.values);
}

}  // namespace
}  // namespace dagfusion::tests
