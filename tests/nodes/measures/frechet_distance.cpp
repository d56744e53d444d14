#include "nodes/measures/frechet.h"
#include "tests/fixtures/measured.h"

namespace dagfusion::tests {
namespace {

// In one dimension: (0, 2) has mean 1 and variance 2, (3, 3.2) mean 3.1 and variance 0.02.
// 2.1^2 + (sqrt(2) - sqrt(0.02))^2
TEST(FrechetDistance, ComparesMeansAndDeviations) {
  const auto scores =
      measured("{type: frechet_distance}",
               {{"samples", {{2, 1}, {0, 2}}}, {"reference", {{2, 1}, {3, 3.2f}}}}, "frechet");
  EXPECT_EQ(scores.at("images"), 2);
  EXPECT_NEAR(scores.at("distance"), 2.1 * 2.1 + std::pow(std::sqrt(2) - std::sqrt(0.02), 2), 1e-6);
}

TEST(FrechetDistance, TakesStatisticsFromAFile) {
  const ScratchFolder folder;
  const std::string path = (folder.path() / "real.npz").string();
  const Plain samples = gaussian({20, 3}, 1), real = gaussian({30, 3}, 2);
  write_statistics(path, statistics_of(Features{.size = 3, .values = real.values}));
  const double expected = dagfusion::frechet_distance(
      statistics_of(Features{.size = 3, .values = samples.values}), read_statistics(path));
  EXPECT_NEAR(
      measured("{type: frechet_distance, statistics: " + path + "}", {{"samples", samples}}, "frechet")
          .at("distance"),
      expected, 1e-7);
}

// Two heaps of the same distribution: what few images add is taken out.
TEST(FrechetDistance, IsCloserToNothingAtInfinity) {
  const auto scores =
      measured("{type: frechet_distance, at_infinity: true}",
               {{"samples", gaussian({2000, 8}, 3)}, {"reference", gaussian({2000, 8}, 4)}}, "frechet");
  EXPECT_GT(scores.at("distance"), 0);
  EXPECT_LT(std::abs(scores.at("at_infinity")), scores.at("distance"));
}

TEST(FrechetDistance, HasTheSameBitsHoweverImagesAreCutIntoFrames) {
  const Plain samples = gaussian({6, 4}, 5), real = gaussian({6, 4}, 6);
  const double together =
      measured("{type: frechet_distance}", {{"samples", samples}, {"reference", real}}, "frechet")
          .at("distance");
  const ScratchFolder folder;
  const auto row = [](const Plain& all, std::size_t i) {
    return std::vector<float>(all.values.begin() + static_cast<std::ptrdiff_t>(i) * 4,
                              all.values.begin() + static_cast<std::ptrdiff_t>(i) * 4 + 4);
  };
  OneNode node("{type: frechet_distance}",
               {{"samples", {{1, 4}, row(samples, 0)}}, {"reference", {{1, 4}, row(real, 0)}}},
               {.directory = folder.path().string()});
  for (std::size_t i = 0; i < 6; ++i) {
    node.set_input("samples", row(samples, i));
    node.set_input("reference", row(real, i));
    node.forward();
  }
  dynamic_cast<Ordered&>(node.node()).finish(node.run());
  EXPECT_EQ(scores_in(folder.path() / "frechet.csv").at("distance"), together);
}

TEST(FrechetDistance, RefusesTwoAnswersAndNone) {
  const Plain some = gaussian({2, 3}, 1);
  EXPECT_EQ(refusal("{type: frechet_distance}", {{"samples", some}}),
            "test.yaml:1:1: node 'node' (frechet_distance): nothing says what real images are like; wire "
            "'reference', "
            "or name a .npz file of mu and sigma as 'statistics'");
  EXPECT_EQ(
      refusal("{type: frechet_distance, statistics: real.npz}", {{"samples", some}, {"reference", some}}),
      "test.yaml:1:1: node 'node' (frechet_distance): 'statistics' and input 'reference' both say what real "
      "images are like; leave one out");
}

TEST(FrechetDistance, RefusesStatisticsThatDoNotFit) {
  const ScratchFolder folder;
  const std::string path = (folder.path() / "real.npz").string();
  write_statistics(path, statistics_of(Features{.size = 3, .values = gaussian({5, 3}, 1).values}));
  EXPECT_EQ(refusal("{type: frechet_distance, statistics: " + path + "}", {{"samples", gaussian({2, 4}, 1)}}),
            "test.yaml:1:38: node 'node' (frechet_distance): '" + path +
                "' is of 3 features, but input 'samples' is [2,4]");
  std::ofstream(folder.path() / "text.npz") << "text";
  const std::string text = (folder.path() / "text.npz").string();
  EXPECT_EQ(refusal("{type: frechet_distance, statistics: " + text + "}", {{"samples", gaussian({2, 4}, 1)}}),
            "test.yaml:1:38: node 'node' (frechet_distance): '" + text +
                "' is no .npz archive, so that 'key' has nothing to choose from");
}

}  // namespace
}  // namespace dagfusion::tests
