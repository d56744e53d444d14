#include "tests/fixtures/measured.h"

namespace dagfusion::tests {
namespace {

// In one dimension every direction is 1 or -1: 3 * (1 + 4 + 9) / 3.
TEST(FeatureWasserstein, ComparesSortedProjections) {
  EXPECT_NEAR(measured("{type: feature_wasserstein}",
                       {{"samples", {{3, 1}, {2, 0, 1}}}, {"reference", {{3, 1}, {1, 5, 3}}}}, "wasserstein")
                  .at("distance"),
              14, 1e-5);
}

// A shift by v moves every projection by <v, theta>, whose mean square is |v|^2 / F.
TEST(FeatureWasserstein, OfAShiftIsThreeTimesItsSquare) {
  const Plain samples = gaussian({20, 16}, 1);
  Plain shifted = samples;
  for (float& v : shifted.values) v += 0.5f;
  EXPECT_NEAR(measured("{type: feature_wasserstein, directions: 20000}",
                       {{"samples", samples}, {"reference", shifted}}, "wasserstein")
                  .at("distance"),
              3 * 16 * 0.25, 0.4);
}

}  // namespace
}  // namespace dagfusion::tests
