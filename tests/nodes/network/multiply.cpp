#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Multiply, MultipliesElementByElement) {
  OneNode product("{type: multiply}", {{"a", {{1, 1, 1, 3}, {1, 2, 3}}}, {"b", {{1, 1, 1, 3}, {10, 0, -3}}}});
  product.forward();
  EXPECT_EQ(product.output("out").values, (std::vector<float>{10, 0, -9}));
}

TEST(Multiply, TakesTheLayoutOfItsFirstFactor) {
  const Plain a = gaussian({2, 11, 2, 3}, 1), b = gaussian({2, 11, 2, 3}, 2);
  OneNode plain("{type: multiply}", {{"a", a}, {"b", b}});
  OneNode blocked("{type: multiply}", {{"a", a}, {"b", b}}, {.blocked = {"a"}});
  plain.forward();
  blocked.forward();
  EXPECT_EQ(blocked.output_spec("out").block, 8);
  EXPECT_EQ(blocked.output("out").values, plain.output("out").values);
}

TEST(Multiply, HasTheGradientsOfFiniteDifferences) {
  OneNode product("{type: multiply}", {{"a", gaussian({2, 3, 2, 2}, 1)}, {"b", gaussian({2, 3, 2, 2}, 2)}},
                  {.training = true});
  expect_gradients_match(product);
}

TEST(Multiply, RejectsFactorsOfDifferentShapes) {
  EXPECT_EQ(refusal("{type: multiply}", {{"a", numbered({1, 2})}, {"b", numbered({1, 3})}}),
            "test.yaml:1:1: node 'node' (multiply): input 'b' is [1,3], but input 'a' is [1,2]: the sides "
            "from number 1 on must agree");
}

}  // namespace
}  // namespace dagfusion::tests
