#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"

namespace dagfusion::tests {
namespace {

Image padded(const std::string& more, Image image) {
  OneNode node("{type: pad" + more + "}", {}, {.images = {{"images", {std::move(image)}}}});
  node.forward();
  return node.output_images("padded")[0];
}

TEST(Pad, MakesPicturesSquareAroundTheMiddle) {
  // 1x4 to 4x4: one row above, two below.
  const Image square = padded(", square: true", {1, 4, 1, {1, 2, 3, 4}, "cat/1.png"});
  EXPECT_EQ(square.height, 4);
  EXPECT_EQ(square.width, 4);
  EXPECT_EQ(square.pixels, (Bytes{0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(square.name, "cat/1.png");
}

TEST(Pad, PaintsTheBorder) {
  const Image wide = padded(", width: 3, colour: [10, 20, 30]", {1, 1, 3, {1, 2, 3}});
  EXPECT_EQ(wide.pixels, (Bytes{10, 20, 30, 1, 2, 3, 10, 20, 30}));
  // 0.299 * 10 + 0.587 * 20 + 0.114 * 30 = 18.15
  EXPECT_EQ(padded(", width: 2, colour: [10, 20, 30]", {1, 1, 1, {7}}).pixels, (Bytes{7, 18}));
}

TEST(Pad, LeavesLargerPicturesAlone) {
  EXPECT_EQ(padded(", height: 1, width: 1", {1, 2, 1, {1, 2}}).pixels, (Bytes{1, 2}));
}

TEST(Pad, RefusesAColourThatIsNone) {
  const std::string said =
      refusal("{type: pad, colour: [1, 2]}", {}, {.images = {{"images", {{1, 1, 1, {0}}}}}});
  EXPECT_EQ(said.substr(said.find("node '")),
            "node 'node' (pad): 'colour' is [1, 2]; it takes red, green and blue, each from 0 to 255");
}

}  // namespace
}  // namespace dagfusion::tests
