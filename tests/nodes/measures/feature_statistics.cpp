#include "nodes/measures/frechet.h"
#include "tests/fixtures/measured.h"

namespace dagfusion::tests {
namespace {

// (0,1), (2,1), (4,4): mean (2,2); C = [[8,6],[6,6]] / 2.
TEST(FeatureStatistics, WritesMeanAndCovariance) {
  const ScratchFolder folder;
  OneNode node("{type: feature_statistics, path: real.npz}", {{"x", {{3, 2}, {0, 1, 2, 1, 4, 4}}}},
               {.directory = folder.path().string()});
  node.forward();
  dynamic_cast<Ordered&>(node.node()).finish(node.run());
  const FeatureStatistics read = read_statistics(folder.path() / "real.npz");
  EXPECT_EQ(read.mean, (std::vector<double>{2, 2}));
  const std::vector<double> covariance = covariance_of(read), expected = {4, 3, 3, 3};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(covariance[i], expected[i], 1e-12);
}

TEST(FeatureStatistics, RefusesAnotherEnding) {
  EXPECT_EQ(refusal("{type: feature_statistics, path: real.npy}", {{"x", gaussian({2, 2}, 1)}}),
            "test.yaml:1:34: node 'node' (feature_statistics): 'path' is 'real.npy'; it must end in .npz");
}

}  // namespace
}  // namespace dagfusion::tests
