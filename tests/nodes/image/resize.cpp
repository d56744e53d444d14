#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"

namespace dagfusion::tests {
namespace {

Image picture(int height, int width, int channels, Bytes pixels) {
  return {height, width, channels, std::move(pixels), "cat/1.png"};
}

Image resized(int size, Image image) {
  OneNode node("{type: resize, size: " + std::to_string(size) + "}", {},
               {.images = {{"images", {std::move(image)}}}});
  node.forward();
  return node.output_images("resized")[0];
}

TEST(Resize, ShrinksByTheMeanOfWhatAPixelCovers) {
  // 2x4 to 1x2: (10 + 20 + 30 + 40) / 4 = 25 and (0 + 100 + 100 + 200) / 4 = 100.
  const Image small = resized(1, picture(2, 4, 1, {10, 20, 0, 100, 30, 40, 100, 200}));
  EXPECT_EQ(small.height, 1);
  EXPECT_EQ(small.width, 2);
  EXPECT_EQ(small.pixels, (Bytes{25, 100}));
  EXPECT_EQ(small.name, "cat/1.png");
}

TEST(Resize, KeepsProportions) {
  const Image tall = resized(8, picture(30, 20, 3, Bytes(1800, 50)));
  EXPECT_EQ(tall.height, 12);
  EXPECT_EQ(tall.width, 8);
  EXPECT_EQ(tall.channels, 3);
  EXPECT_EQ(tall.pixels, Bytes(288, 50));
}

TEST(Resize, EnlargesAFlatPictureToAFlatPicture) {
  const Image large = resized(7, picture(2, 3, 3, Bytes(18, 200)));
  EXPECT_EQ(large.height, 7);
  EXPECT_EQ(large.width, 11);  // 3 * 7 / 2 = 10.5
  EXPECT_EQ(large.pixels, Bytes(231, 200));
}

TEST(Resize, LeavesAPictureOfTheRightSizeAlone) {
  const Bytes pixels = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(resized(2, picture(2, 3, 1, pixels)).pixels, pixels);
}

TEST(Resize, RefusesToMakeAHugePicture) {
  try {
    resized(1000, picture(1, 1000, 1, Bytes(1000)));
    FAIL() << "it was made";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(),
                 "'cat/1.png' has 1000x1 pixels and would get 1000000x1000; the limit is 64 Mpixel");
  }
}

}  // namespace
}  // namespace dagfusion::tests
