#include <gtest/gtest.h>

#include "tests/fixtures/augmentation.h"

namespace dagfusion::tests {
namespace {

TEST(RandomAffine, ChangesNothingByDefault) {
  const Plain image = bytes({2, 3, 8, 8}, 1);
  EXPECT_EQ(augmented("{type: random_affine}", image), image.values);
}

TEST(RandomAffine, ChangesNothingWithProbabilityZero) {
  const Plain image = bytes({2, 3, 8, 8}, 1);
  EXPECT_EQ(augmented("{type: random_affine, rotation: 90, probability: 0}", image), image.values);
}

TEST(RandomAffine, ScalesAboutTheMiddle) {
  // 9 pixels wide, a slope of 10: twice as large, it is one of 5, and the middle stays.
  Plain slope{{1, 1, 9, 9}, {}};
  for (int i = 0; i < 81; ++i) slope.values.push_back(static_cast<float>(i % 9 * 10));
  const std::vector<float> out = augmented("{type: random_affine, scale: [2, 2]}", slope);
  for (int x = 0; x < 9; ++x)
    EXPECT_EQ(out[static_cast<std::size_t>(4 * 9 + x)], static_cast<float>(20 + 5 * x));
}

TEST(RandomAffine, KeepsTheMiddleWhenItTurnsAndShears) {
  Plain image{{1, 1, 9, 9}, std::vector<float>(81, 0)};
  image.values[40] = 200;
  for (int position = 0; position < 20; ++position) {
    const std::vector<float> out =
        augmented("{type: random_affine, rotation: 180, shear: 30}", image, position);
    EXPECT_EQ(*std::max_element(out.begin(), out.end()), out[40]);
    EXPECT_EQ(out[40], 200);
  }
}

TEST(RandomAffine, MovesUpToAShareOfTheSides) {
  Plain image{{1, 1, 20, 20}, std::vector<float>(400, 0)};
  image.values[20 * 10 + 10] = 200;
  double largest = 0;
  for (int position = 0; position < 100; ++position) {
    const std::vector<float> out = augmented("{type: random_affine, shift: 0.2}", image, position);
    double sum = 0, x = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      sum += out[i];
      x += out[i] * static_cast<double>(i % 20);
    }
    EXPECT_LE(std::abs(x / sum - 10), 4.1);  // of 20 pixels, and rounding
    largest = std::max(largest, std::abs(x / sum - 10));
  }
  EXPECT_GT(largest, 3.5);
}

TEST(RandomAffine, PutsTheBorderBesideTheImage) {
  const Plain image{{1, 1, 8, 8}, std::vector<float>(64, 100)};
  const std::vector<float> filled = augmented("{type: random_affine, scale: [0.5, 0.5], fill: 7}", image);
  EXPECT_EQ(filled.front(), 7);
  EXPECT_EQ(filled[4 * 8 + 4], 100);
  EXPECT_EQ(augmented("{type: random_affine, scale: [0.5, 0.5], border: reflect}", image), image.values);
}

TEST(RandomAffine, ChangesEachImageByItsNumber) {
  expect_each_image_by_its_number("{type: random_affine, rotation: 20}");
}

}  // namespace
}  // namespace dagfusion::tests
