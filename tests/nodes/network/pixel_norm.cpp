#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

// The first pixel is (3, 4): root mean square sqrt(25 / 2) = 3.5355339. The second one is 0 and stays so.
TEST(PixelNorm, BringsEveryPixelToARootMeanSquareOfOne) {
  OneNode norm("{type: pixel_norm}", {{"x", {{1, 2, 1, 2}, {3, 0, 4, 0}}}});
  norm.forward();
  const std::vector<float> y = norm.output("y").values;
  EXPECT_NEAR(y[0], 3 / 3.5355339, 1e-6);
  EXPECT_NEAR(y[2], 4 / 3.5355339, 1e-6);
  EXPECT_EQ(y[1], 0);
  EXPECT_EQ(y[3], 0);
}

// film: scales 1 and -1, shifts 10 and 20.
TEST(PixelNorm, ScalesAndShiftsBehindTheNormalisation) {
  OneNode norm("{type: pixel_norm}", {{"x", {{1, 2, 1, 1}, {3, 4}}}, {"film", {{1, 4}, {1, -1, 10, 20}}}});
  norm.forward();
  const std::vector<float> y = norm.output("y").values;
  EXPECT_NEAR(y[0], 2 * 3 / 3.5355339 + 10, 1e-5);
  EXPECT_EQ(y[1], 20);
}

TEST(PixelNorm, HasTheGradientsOfFiniteDifferences) {
  OneNode plain("{type: pixel_norm}", {{"x", gaussian({2, 3, 2, 2}, 1)}}, {.training = true});
  expect_gradients_match(plain);
  OneNode filmed("{type: pixel_norm}", {{"x", gaussian({2, 11, 2, 2}, 1)}, {"film", gaussian({2, 22}, 2)}},
                 {.training = true});
  expect_gradients_match(filmed);
}

TEST(PixelNorm, RejectsAFilmOfAnotherLength) {
  EXPECT_EQ(refusal("{type: pixel_norm}", {{"x", numbered({1, 2, 1, 1})}, {"film", numbered({1, 3})}}),
            "test.yaml:1:1: node 'node' (pixel_norm): input 'film' is [1,3]; a scale and a shift of each "
            "channel are [1,4]");
}

}  // namespace
}  // namespace dagfusion::tests
