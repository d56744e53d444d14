#include <gtest/gtest.h>

#include "tests/fixtures/augmentation.h"

namespace dagfusion::tests {
namespace {

TEST(Cutout, CoversASquare) {
  for (int position = 0; position < 30; ++position) {
    const std::vector<float> out =
        augmented("{type: cutout, size: 3, fill: 5}", {{1, 2, 8, 8}, std::vector<float>(128, 9)}, position);
    const auto covered = std::count(out.begin(), out.begin() + 64, 5.0f);
    EXPECT_TRUE(covered == 9 || covered == 6 || covered == 4) << covered;  // less at the edge and in a corner
    EXPECT_EQ(std::vector<float>(out.begin(), out.begin() + 64),
              std::vector<float>(out.begin() + 64, out.end()));
    EXPECT_EQ(std::count(out.begin(), out.begin() + 64, 9.0f), 64 - covered);
  }
}

TEST(Cutout, LeavesImagesAloneWithProbabilityZero) {
  const Plain image = bytes({2, 1, 8, 8}, 1);
  EXPECT_EQ(augmented("{type: cutout, size: 3, probability: 0}", image), image.values);
}

TEST(Cutout, ChangesEachImageByItsNumber) { expect_each_image_by_its_number("{type: cutout, size: 4}"); }

}  // namespace
}  // namespace dagfusion::tests
