#include <gtest/gtest.h>

#include <numeric>

#include "nodes/files/resample.h"
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

TEST(Resize, GivesUpProportionsForAWidth) {
  OneNode node("{type: resize, size: 1, width: 4, filter: box}", {},
               {.images = {{"images", {picture(2, 2, 1, {10, 20, 30, 40})}}}});
  node.forward();
  const Image wide = node.output_images("resized")[0];
  EXPECT_EQ(wide.height, 1);
  EXPECT_EQ(wide.width, 4);
  EXPECT_EQ(wide.pixels, (Bytes{20, 20, 30, 30}));
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

// 13x9 pixels, channel c of (x, y): 37 x + 59 y + 101 c + x y, of which a byte is kept.
Image pattern() {
  Bytes pixels;
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 13; ++x)
      for (int c = 0; c < 3; ++c)
        pixels.push_back(static_cast<std::uint8_t>(37 * x + 59 * y + 101 * c + x * y));
  return picture(9, 13, 3, pixels);
}

// By Pillow 13.0: Image.resize((5, 4), filter); the first row, and the sum of all.
TEST(Resize, EqualsPillowBitForBit) {
  const auto expect = [](Filter filter, int height, int width, const Bytes& first, int sum) {
    const Image made = resample(pattern(), height, width, filter);
    EXPECT_EQ(Bytes(made.pixels.begin(), made.pixels.begin() + 15), first);
    EXPECT_EQ(std::accumulate(made.pixels.begin(), made.pixels.end(), 0), sum);
  };
  expect(Filter::box, 4, 5, {67, 168, 99, 161, 134, 107, 127, 100, 158, 93, 194, 103, 144, 117, 132}, 7673);
  expect(Filter::bilinear, 4, 5, {89, 147, 102, 153, 125, 117, 120, 125, 141, 118, 154, 109, 138, 126, 137},
         7636);
  expect(Filter::bicubic, 4, 5, {81, 153, 98, 162, 122, 118, 116, 123, 144, 116, 159, 105, 139, 122, 139},
         7632);
  expect(Filter::lanczos, 4, 5, {79, 155, 93, 169, 118, 122, 110, 125, 142, 118, 159, 103, 140, 122, 140},
         7631);
  expect(Filter::lanczos, 11, 20, {0, 97, 203, 11, 110, 253, 41, 137, 231, 65, 159, 59, 87, 186, 1}, 83867);
}

// The same by _list_image_files_recursively's reader in improved-diffusion, without its crop.
TEST(Resize, KnowsTheRecipeOfImprovedDiffusion) {
  OneNode node("{type: resize, size: 3, filter: improved_diffusion}", {},
               {.images = {{"images", {pattern()}}}});
  node.forward();
  const Image made = node.output_images("resized")[0];
  EXPECT_EQ(made.height, 3);
  EXPECT_EQ(made.width, 4);
  EXPECT_EQ(made.pixels, (Bytes{89,  138, 113, 149, 135, 116, 100, 149, 122, 137, 137, 119,
                                132, 125, 124, 125, 122, 120, 138, 125, 130, 125, 128, 126,
                                127, 104, 151, 132, 141, 121, 126, 142, 121, 147, 128, 128}));
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
