#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

OneNode node(int images, int timesteps) {
  return OneNode("{type: uniform_timesteps}", {{"like", numbered({images, 1, 2, 2})}},
                 {.sections = "diffusion: {timesteps: " + std::to_string(timesteps) + ", beta_end: 0.5}"});
}

TEST(UniformTimesteps, GivesEachImageAWholeTimestep) {
  OneNode timesteps = node(64, 10);
  timesteps.forward();
  const Plain t = timesteps.output("t");
  EXPECT_EQ(t.shape, Shape({64}));
  for (const float value : t.values) {
    EXPECT_EQ(value, std::floor(value));
    EXPECT_GE(value, 0);
    EXPECT_LT(value, 10);
  }
}

TEST(UniformTimesteps, DrawsEveryTimestepEquallyOften) {
  // 20,000 draws from 10 timesteps: 2000 of each. The chi-squared statistic has 9 degrees of freedom; by
  // chance it is above 33.7 once in 10,000 seeds.
  OneNode timesteps = node(2000, 10);
  std::vector<int> seen(10);
  for (int frame = 0; frame < 10; ++frame) {
    timesteps.at(frame * 2000);
    timesteps.forward();
    for (const float t : timesteps.output("t").values) ++seen[static_cast<int>(t)];
  }
  double chi_squared = 0;
  for (const int count : seen) chi_squared += (count - 2000.0) * (count - 2000.0) / 2000;
  EXPECT_LT(chi_squared, 33.7);
}

TEST(UniformTimesteps, DrawsByTheImagesPositionNotByItsPlaceInTheFrame) {
  OneNode timesteps = node(8, 1000);
  timesteps.at(40);
  timesteps.forward();
  const std::vector<float> all = timesteps.output("t").values;
  timesteps.at(44);
  timesteps.forward();
  const std::vector<float> later = timesteps.output("t").values;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(later[i], all[i + 4]);
  EXPECT_GT(std::set<float>(all.begin(), all.end()).size(), 1u);
}

TEST(UniformTimesteps, NeedsASchedule) {
  EXPECT_EQ(refusal("{type: uniform_timesteps}", {{"like", numbered({2, 1, 2, 2})}}),
            "test.yaml:1:1: node 'node' (uniform_timesteps): reads the section 'diffusion', which this file "
            "lacks; 'diffusion: {}' is one with the defaults");
}

}  // namespace
}  // namespace dagfusion::tests
