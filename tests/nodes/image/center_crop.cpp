#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"

namespace dagfusion::tests {
namespace {

OneNode crop(const std::string& yaml, std::vector<Image> images) {
  return OneNode(yaml, {}, {.images = {{"images", std::move(images)}}});
}

std::string complaint(const std::string& yaml, Image image) {
  try {
    crop(yaml, {std::move(image)}).forward();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(CenterCrop, CutsTheMiddleOutOfEveryPicture) {
  // 4 columns to 2: one off each side. 3 rows to 2: the spare one is the last.
  OneNode node = crop("{type: center_crop, size: 2, channels: 1}",
                      {{3, 4, 1, {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23}}, {2, 2, 1, {5, 6, 7, 8}}});
  node.forward();
  EXPECT_EQ(node.output_spec("y"), (TensorSpec{DType::u8, {2, 1, 2, 2}}));
  EXPECT_EQ(node.output("y").values, (std::vector<float>{1, 2, 11, 12, 5, 6, 7, 8}));
}

TEST(CenterCrop, PutsColoursIntoPlanes) {
  OneNode node = crop("{type: center_crop, size: 1}", {{1, 3, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9}}});
  node.forward();
  EXPECT_EQ(node.output("y").shape, (Shape{1, 3, 1, 1}));
  EXPECT_EQ(node.output("y").values, (std::vector<float>{4, 5, 6}));
}

TEST(CenterCrop, CutsMiddlesThatAreNotSquare) {
  // 3 rows to 1 and 4 columns to 2: the middle row, one column off each side.
  OneNode node = crop("{type: center_crop, size: 1, width: 2, channels: 1}",
                      {{3, 4, 1, {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23}}});
  node.forward();
  EXPECT_EQ(node.output("y").shape, (Shape{1, 1, 1, 2}));
  EXPECT_EQ(node.output("y").values, (std::vector<float>{11, 12}));
}

TEST(CenterCrop, NamesAPictureThatIsTooSmall) {
  EXPECT_EQ(complaint("{type: center_crop, size: 4}", {3, 9, 3, Bytes(81), "cat/1.png"}),
            "'cat/1.png' has 9x3 pixels, too few to cut 4x4 out of it; resize first");
}

TEST(CenterCrop, NamesAPictureOfOtherChannels) {
  EXPECT_EQ(complaint("{type: center_crop, size: 1}", {1, 1, 1, {0}, "cat/1.png"}),
            "'cat/1.png' has 1 channels, not 3; 'channels' must be the same in image_folder and center_crop");
  EXPECT_EQ(
      refusal("{type: center_crop, size: 1, channels: 2}", {}, {.images = {{"images", {{1, 1, 1, {0}}}}}}),
      "test.yaml:1:40: node 'node' (center_crop): 'channels' is 2; it takes 1 (grey) or 3 (red, green, "
      "blue)");
}

}  // namespace
}  // namespace dagfusion::tests
