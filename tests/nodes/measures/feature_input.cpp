#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

std::vector<float> seen(const std::string& yaml, const Plain& images) {
  OneNode node("{type: feature_input, " + yaml + "}", {{"x", images}}, {.dtypes = {{"x", DType::u8}}});
  node.forward();
  return node.output("y").values;
}

// To four pixels, without half a pixel: sources 0, .5, 1, 1.5 of which the last lies on the second pixel.
TEST(FeatureInput, ResizesAsTensorflowDid) {
  EXPECT_EQ(seen("channels: 1, size: 4", {{1, 1, 2, 2}, {0, 128, 0, 128}}),
            (std::vector<float>{-1, -.5f, 0, 0, -1, -.5f, 0, 0, -1, -.5f, 0, 0, -1, -.5f, 0, 0}));
}

// From centre to centre: sources 0 (-.25), .25, .75, 1.25, of which the last lies on the second pixel.
TEST(FeatureInput, ResizesFromCentreToCentre) {
  const std::vector<float> y = seen("mode: pytorch_fid, channels: 1, size: 4", {{1, 1, 1, 2}, {0, 255}});
  for (std::size_t i = 0; i < 16; i += 4) {
    EXPECT_NEAR(y[i], -1, 1e-6);
    EXPECT_NEAR(y[i + 1], -.5, 1e-6);
    EXPECT_NEAR(y[i + 2], .5, 1e-6);
    EXPECT_NEAR(y[i + 3], 1, 1e-6);
  }
}

// Half as large, the filter spans eight pixels: an even picture stays even, and what is steep does not leave 0 … 255.
TEST(FeatureInput, FiltersAsPillowDoes) {
  for (const float v : seen("mode: clean, channels: 1, size: 4", {{1, 1, 8, 8}, std::vector<float>(64, 192)}))
    EXPECT_NEAR(v, .5, 1e-6);
  std::vector<float> steep(64, 0);
  for (std::size_t i = 0; i < 64; ++i) steep[i] = i % 8 < 4 ? 0 : 255;
  for (const float v : seen("mode: clean, channels: 1, size: 8", {{1, 1, 8, 8}, steep})) {
    EXPECT_GE(v, -1);
    EXPECT_LE(v, 127 / 128.0f);
  }
}

TEST(FeatureInput, MakesGreyOfColoursAndColoursOfGrey) {
  EXPECT_EQ(seen("size: 1", {{1, 1, 1, 1}, {192}}), (std::vector<float>{.5f, .5f, .5f}));
  EXPECT_NEAR(seen("size: 1, channels: 1", {{1, 3, 1, 1}, {100, 200, 50}})[0],
              (.299 * 100 + .587 * 200 + .114 * 50 - 128) / 128, 1e-6);
}

TEST(FeatureInput, RefusesOtherChannels) {
  const OneNodeOptions bytes = {.dtypes = {{"x", DType::u8}}};
  EXPECT_EQ(refusal("{type: feature_input}", {{"x", numbered({1, 2, 4, 4})}}, bytes),
            "test.yaml:1:1: node 'node' (feature_input): input 'x' is [1,2,4,4] with 2 channels; images have "
            "1 or 3");
  EXPECT_EQ(refusal("{type: feature_input, channels: 2}", {{"x", numbered({1, 3, 4, 4})}}, bytes),
            "test.yaml:1:33: node 'node' (feature_input): 'channels' is 2; it can be 1 or 3");
}

}  // namespace
}  // namespace dagfusion::tests
