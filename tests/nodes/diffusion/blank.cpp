#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(Blank, IsAsLargeAsItsInputAndHoldsNothing) {
  OneNode blank("{type: blank}", {{"like", numbered({2, 3, 2, 2})}});
  blank.forward();
  EXPECT_EQ(blank.output("out").shape, (Shape{2, 3, 2, 2}));
  EXPECT_EQ(blank.output("out").values, std::vector<float>(24));
}

TEST(Blank, HasTheChannelsAskedFor) {
  OneNode blank("{type: blank, channels: 5}", {{"like", numbered({2, 3, 2, 2})}});
  blank.forward();
  EXPECT_EQ(blank.output("out").shape, (Shape{2, 5, 2, 2}));
}

}  // namespace
}  // namespace dagfusion::tests
