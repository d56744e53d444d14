#include <gtest/gtest.h>

#include "tests/fixtures/augmentation.h"

namespace dagfusion::tests {
namespace {

TEST(ColourJitter, ChangesNothingByDefault) {
  const Plain image = bytes({2, 3, 8, 8}, 1);
  EXPECT_EQ(augmented("{type: colour_jitter}", image), image.values);
}

TEST(ColourJitter, MultipliesBrightness) {
  const std::vector<float> out =
      augmented("{type: colour_jitter, brightness: 0.5}", {{1, 1, 1, 3}, {20, 40, 60}});
  EXPECT_NE(out[0], 20);
  EXPECT_GE(out[0], 10);
  EXPECT_LE(out[0], 30);
  EXPECT_NEAR(out[1], 2 * out[0], 1.5);
  EXPECT_NEAR(out[2], 3 * out[0], 2);
}

// The mean 100 stays; the distances from it grow or shrink together.
TEST(ColourJitter, StretchesContrastAboutTheMean) {
  const std::vector<float> out =
      augmented("{type: colour_jitter, contrast: 0.5}", {{1, 1, 1, 3}, {60, 100, 140}});
  EXPECT_EQ(out[1], 100);
  EXPECT_NEAR(out[2] - 100, 100 - out[0], 1);
  EXPECT_NE(out[2], 140);
}

TEST(ColourJitter, KeepsGreyPixelsWhenColoursChange) {
  const Plain grey{{1, 3, 1, 2}, {50, 200, 50, 200, 50, 200}};
  EXPECT_EQ(augmented("{type: colour_jitter, saturation: 0.9, hue: 0.5}", grey), grey.values);
}

TEST(ColourJitter, KeepsTheGreyLevelWhenSaturationChanges) {
  const Plain colour{{1, 3, 1, 1}, {200, 100, 50}};
  const std::vector<float> out = augmented("{type: colour_jitter, saturation: 0.5}", colour);
  EXPECT_NE(out, colour.values);
  EXPECT_NEAR(0.299 * out[0] + 0.587 * out[1] + 0.114 * out[2], 0.299 * 200 + 0.587 * 100 + 0.114 * 50, 1);
}

// Turning pure red keeps one channel full and one empty.
TEST(ColourJitter, TurnsTheHue) {
  const std::vector<float> out = augmented("{type: colour_jitter, hue: 0.5}", {{1, 3, 1, 1}, {255, 0, 0}});
  EXPECT_EQ(*std::max_element(out.begin(), out.end()), 255);
  EXPECT_EQ(*std::min_element(out.begin(), out.end()), 0);
  EXPECT_NE(out, (std::vector<float>{255, 0, 0}));
}

TEST(ColourJitter, ChangesEachImageByItsNumber) {
  expect_each_image_by_its_number("{type: colour_jitter, brightness: 0.5, contrast: 0.5}");
}

TEST(ColourJitter, RefusesColoursOfGreyImages) {
  const OneNodeOptions bytes{.dtypes = {{"x", DType::u8}}};
  EXPECT_EQ(refusal("{type: colour_jitter, hue: 0.1}", {{"x", numbered({1, 1, 2, 2})}}, bytes),
            "test.yaml:1:28: node 'node' (colour_jitter): 'hue' is 0.1, but the images are grey");
  EXPECT_EQ(refusal("{type: colour_jitter}", {{"x", numbered({1, 2, 2, 2})}}, bytes),
            "test.yaml:1:1: node 'node' (colour_jitter): input 'x' is [1,2,2,2] with 2 channels; colours "
            "take 1 or 3");
}

}  // namespace
}  // namespace dagfusion::tests
