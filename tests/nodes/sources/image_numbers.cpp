#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

TEST(ImageNumbers, GivesEveryImageItsNumber) {
  OneNode node("{type: image_numbers, count: 100}", {}, {}, 4);
  node.at(8);
  node.forward();
  EXPECT_EQ(node.output("number").values, (std::vector<float>{8, 9, 10, 11}));
  EXPECT_EQ(node.output_spec("number"), (TensorSpec{DType::i32, {4}}));
}

TEST(ImageNumbers, SaysHowManyThereAre) {
  OneNode node("{type: image_numbers, count: 100}", {}, {}, 4);
  const auto& numbers = dynamic_cast<const DataSet&>(node.node());
  EXPECT_EQ(numbers.size(), 100);
  EXPECT_EQ(numbers.fingerprint(), "image_numbers 100");
}

TEST(ImageNumbers, NeedsACount) {
  EXPECT_NE(refusal("{type: image_numbers}", {}).find("'count'"), std::string::npos);
  EXPECT_NE(refusal("{type: image_numbers, count: 0}", {}).find("'count'"), std::string::npos);
}

}  // namespace
}  // namespace dagfusion::tests
