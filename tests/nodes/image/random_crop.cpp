#include <gtest/gtest.h>

#include "tests/fixtures/augmentation.h"

namespace dagfusion::tests {
namespace {

TEST(RandomCrop, CutsAWindowOutOfTheImageAndItsBorder) {
  // Every pixel of the image is 9, the border 1: of the window at (left, top) so many columns and rows lie beside it.
  bool inside = false, beside = false;
  for (int position = 0; position < 50; ++position) {
    const std::vector<float> out = augmented("{type: random_crop, padding: 1, fill: 1}",
                                             {{1, 1, 3, 3}, std::vector<float>(9, 9)}, position);
    const auto nines = std::count(out.begin(), out.end(), 9.0f);
    EXPECT_TRUE(nines == 9 || nines == 6 || nines == 4) << nines;
    EXPECT_EQ(nines + std::count(out.begin(), out.end(), 1.0f), 9);
    inside |= nines == 9;
    beside |= nines == 4;
  }
  EXPECT_TRUE(inside && beside);
}

TEST(RandomCrop, MovesAllChannelsTogether) {
  const Plain image = numbered({1, 2, 4, 4});
  const std::vector<float> out = augmented("{type: random_crop, padding: 0, size: 2}", image);
  ASSERT_EQ(out.size(), 8u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(out[4 + i], out[i] + 16);
  EXPECT_EQ(out[1], out[0] + 1);
  EXPECT_EQ(out[2], out[0] + 4);
}

TEST(RandomCrop, TakesEveryPlaceEquallyOften) {
  std::vector<int> found(9);
  for (int position = 0; position < 900; ++position)
    ++found[static_cast<std::size_t>(
        augmented("{type: random_crop, padding: 0, size: 1}", numbered({1, 1, 3, 3}), position)[0])];
  for (const int times : found) EXPECT_NEAR(times, 100, 29);  // 3 standard errors
}

TEST(RandomCrop, MirrorsAtTheEdge) {
  const std::vector<float> out =
      augmented("{type: random_crop, padding: 1, size: 5, border: reflect}", numbered({1, 1, 3, 3}));
  EXPECT_EQ(out,
            (std::vector<float>{4, 3, 4, 5, 4, 1, 0, 1, 2, 1, 4, 3, 4, 5, 4, 7, 6, 7, 8, 7, 4, 3, 4, 5, 4}));
}

TEST(RandomCrop, ChangesEachImageByItsNumber) { expect_each_image_by_its_number("{type: random_crop}"); }

TEST(RandomCrop, RefusesWindowsThatDoNotFit) {
  const OneNodeOptions bytes{.dtypes = {{"x", DType::u8}}};
  EXPECT_EQ(refusal("{type: random_crop, padding: 1, size: 7}", {{"x", numbered({1, 1, 4, 4})}}, bytes),
            "test.yaml:1:39: node 'node' (random_crop): 'size' is 7, but the images are 6x6 with their "
            "border; a larger "
            "'padding' would do");
  EXPECT_EQ(
      refusal("{type: random_crop, padding: 4, border: reflect}", {{"x", numbered({1, 1, 4, 4})}}, bytes),
      "test.yaml:1:30: node 'node' (random_crop): 'padding' is 4, but only 3 pixels can be mirrored");
}

}  // namespace
}  // namespace dagfusion::tests
