#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

const OneNodeOptions kBytes = {.dtypes = {{"x", DType::u8}}};

TEST(RandomFlip, MirrorsEveryRowLeftToRight) {
  OneNode node("{type: random_flip, probability: 1}",
               {{"x", {{1, 2, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}}}, kBytes);
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10}));
}

TEST(RandomFlip, LeavesImagesAloneWithProbabilityZero) {
  OneNode node("{type: random_flip, probability: 0}", {{"x", numbered({4, 3, 4, 4})}}, kBytes);
  node.forward();
  EXPECT_EQ(node.output("y").values, numbered({4, 3, 4, 4}).values);
}

TEST(RandomFlip, FlipsAboutHalfOfTheImagesEachByItsOwnNumber) {
  constexpr std::int64_t kImages = 1000;
  Plain x{{kImages, 1, 1, 2}, {}};
  for (std::int64_t i = 0; i < kImages; ++i) x.values.insert(x.values.end(), {0, 1});
  OneNode all("{type: random_flip}", {{"x", x}}, kBytes);
  all.forward();
  const std::vector<float> y = all.output("y").values;
  int flipped = 0;
  for (std::size_t i = 0; i < y.size(); i += 2) flipped += y[i] == 1;
  EXPECT_NEAR(flipped, 500, 64);  // four standard deviations of sqrt(1000) / 2

  OneNode one("{type: random_flip}", {{"x", {{1, 1, 1, 2}, {0, 1}}}},
              kBytes);  // image 7 alone falls as among others
  one.at(7);
  one.forward();
  EXPECT_EQ(one.output("y").values[0], y[14]);
}

}  // namespace
}  // namespace dagfusion::tests
