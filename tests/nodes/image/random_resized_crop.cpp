#include <gtest/gtest.h>

#include "tests/fixtures/augmentation.h"

namespace dagfusion::tests {
namespace {

TEST(RandomResizedCrop, KeepsTheWholeImageWhenToldSo) {
  const Plain image = bytes({2, 3, 8, 8}, 1);
  EXPECT_EQ(augmented("{type: random_resized_crop, scale: [1, 1], ratio: [1, 1]}", image), image.values);
}

// A slope of 8 grey levels a pixel: a part of a quarter of the area, twice as large, has one of 4.
TEST(RandomResizedCrop, EnlargesAPart) {
  Plain slope{{1, 1, 16, 16}, {}};
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 16; ++x) slope.values.push_back(static_cast<float>(8 * x));
  for (int position = 0; position < 20; ++position) {
    const std::vector<float> out =
        augmented("{type: random_resized_crop, scale: [0.25, 0.25], ratio: [1, 1]}", slope, position);
    EXPECT_NEAR(out[16 * 8 + 12] - out[16 * 8 + 4], 8 * 4, 1);
  }
}

TEST(RandomResizedCrop, BringsPartsToASize) {
  OneNode node = augmenting("{type: random_resized_crop, size: 4}", bytes({2, 3, 8, 16}, 1));
  node.forward();
  EXPECT_EQ(node.output("y").shape, (Shape{2, 3, 4, 4}));
}

TEST(RandomResizedCrop, TakesTheMiddleWhereNoPartFits) {
  // Of 4x16 pixels none is as high as wide and has all of the area: the middle 4x4 remain.
  Plain slope{{1, 1, 4, 16}, {}};
  for (int i = 0; i < 64; ++i) slope.values.push_back(static_cast<float>(i % 16));
  EXPECT_EQ(augmented("{type: random_resized_crop, scale: [1, 1], ratio: [1, 1], size: 4}", slope),
            (std::vector<float>{6, 7, 8, 9, 6, 7, 8, 9, 6, 7, 8, 9, 6, 7, 8, 9}));
}

TEST(RandomResizedCrop, ChangesEachImageByItsNumber) {
  expect_each_image_by_its_number("{type: random_resized_crop}");
}

TEST(RandomResizedCrop, RefusesSharesThatAreNone) {
  const OneNodeOptions bytes{.dtypes = {{"x", DType::u8}}};
  const std::map<std::string, Plain> image = {{"x", numbered({1, 1, 4, 4})}};
  for (const std::string scale : {"[0.0, 1.0]", "[0.5, 1.5]"})
    EXPECT_EQ(refusal("{type: random_resized_crop, scale: " + scale + "}", image, bytes),
              "test.yaml:1:36: node 'node' (random_resized_crop): 'scale' is " + scale +
                  "; it takes two shares of the image's area, above 0 and at most 1");
  EXPECT_EQ(refusal("{type: random_resized_crop, ratio: [2.0, 1.0]}", image, bytes),
            "test.yaml:1:36: node 'node' (random_resized_crop): 'ratio' is [2.0, 1.0]; it takes the smallest "
            "and the "
            "largest, from 0.01 on");
}

}  // namespace
}  // namespace dagfusion::tests
