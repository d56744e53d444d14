#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Add, SumsElementByElement) {
  OneNode add("{type: add}", {{"a", {{1, 1, 1, 3}, {1, 2, 3}}}, {"b", {{1, 1, 1, 3}, {10, 20, -3}}}});
  add.forward();
  EXPECT_EQ(add.output("out").values, (std::vector<float>{11, 22, 0}));
}

TEST(Add, TakesTheLayoutOfItsFirstSummand) {
  const Plain a = gaussian({2, 11, 2, 3}, 1), b = gaussian({2, 11, 2, 3}, 2);
  OneNode plain("{type: add}", {{"a", a}, {"b", b}});
  OneNode blocked("{type: add}", {{"a", a}, {"b", b}}, {.blocked = {"a"}});
  plain.forward();
  blocked.forward();
  EXPECT_EQ(blocked.output_spec("out").block, 8);
  EXPECT_EQ(blocked.output("out").values, plain.output("out").values);
}

TEST(Add, GivesBothSummandsTheGradientOfTheSum) {
  OneNode add("{type: add}", {{"a", gaussian({2, 3, 2, 2}, 1)}, {"b", gaussian({2, 3, 2, 2}, 2)}},
              {.training = true});
  add.forward();
  const Plain dout = gaussian({2, 3, 2, 2}, 3);
  add.backward({{"out", dout}});
  EXPECT_EQ(add.d_input("a").values, dout.values);
  EXPECT_EQ(add.d_input("b").values, dout.values);
}

TEST(Add, RejectsSummandsOfDifferentShapes) {
  EXPECT_EQ(refusal("{type: add}", {{"a", numbered({1, 2})}, {"b", numbered({1, 3})}}),
            "test.yaml:1:1: node 'node' (add): input 'b' is [1,3], but input 'a' is [1,2]: the sides from "
            "number 1 on must agree");
}

}  // namespace
}  // namespace dagfusion::tests
