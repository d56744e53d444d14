#include <gtest/gtest.h>

#include "nodes/catalog.h"
#include "tests/fixtures/sampler_walk.h"

namespace dagfusion::tests {
namespace {

OneNodeOptions schedule(int timesteps) {
  return {.sections = "diffusion: {beta_end: 0.05, timesteps: " + std::to_string(timesteps) + "}"};
}

std::vector<float> walk(const std::string& yaml, int timesteps, const std::string& port = "t") {
  return iterations_of(yaml, port, schedule(timesteps));
}

std::string refused(const std::string& yaml) { return refusal(yaml, {}, schedule(300)); }

TEST(DdpmTimesteps, WalksTheWholeChainBack) {
  EXPECT_EQ(walk("{type: ddpm_timesteps}", 4), std::vector<float>({3, 2, 1, 0}));
  EXPECT_EQ(walk("{type: ddpm_timesteps}", 4, "t_prev"), std::vector<float>({2, 1, 0, -1}));
  EXPECT_EQ(walk("{type: ddpm_timesteps}", 1000).size(), 1000u);
}

TEST(DdpmTimesteps, RespacesToFewerSteps) {
  const std::vector<float> t = walk("{type: ddpm_timesteps, steps: 50}", 1000);
  ASSERT_EQ(t.size(), 50u);
  EXPECT_EQ(std::vector<float>(t.rbegin(), t.rbegin() + 6), std::vector<float>({0, 20, 41, 61, 82, 102}));
  EXPECT_EQ(std::vector<float>(t.begin(), t.begin() + 2), std::vector<float>({999, 979}));
}

TEST(DdpmTimesteps, RespacesEachSectionByItself) {
  const std::vector<float> t = walk("{type: ddpm_timesteps, sections: [10, 15, 20]}", 300);
  ASSERT_EQ(t.size(), 45u);
  EXPECT_EQ(std::vector<float>(t.rbegin(), t.rbegin() + 4), std::vector<float>({0, 11, 22, 33}));
  EXPECT_EQ(std::vector<float>(t.rbegin() + 9, t.rbegin() + 12), std::vector<float>({99, 100, 107}));
  EXPECT_EQ(std::vector<float>(t.begin(), t.begin() + 2), std::vector<float>({299, 294}));
}

TEST(DdpmTimesteps, TakesTheFirstTimestepOfASectionOfOne) {
  EXPECT_EQ(walk("{type: ddpm_timesteps, sections: [1, 2]}", 10), std::vector<float>({9, 5, 0}));
}

TEST(DdpmTimesteps, RefusesMoreStepsThanThereAre) {
  EXPECT_EQ(refused("{type: ddpm_timesteps, steps: 301}"),
            "test.yaml:1:31: node 'node' (ddpm_timesteps): 'steps' asks for 301 steps, more than the 300 "
            "timesteps of section 'diffusion'");
  EXPECT_EQ(refused("{type: ddpm_timesteps, sections: [10, 101, 10]}"),
            "test.yaml:1:39: node 'node' (ddpm_timesteps): 'sections' asks for 101 steps, more than the 100 "
            "timesteps of a section");
}

TEST(DdpmTimesteps, RefusesStepsAndSectionsTogether) {
  EXPECT_EQ(refused("{type: ddpm_timesteps, steps: 10, sections: [10]}"),
            "test.yaml:1:45: node 'node' (ddpm_timesteps): 'sections' and 'steps' are both given; 'steps' is "
            "for a single section");
}

TEST(DdpmTimesteps, RefusesNoSections) {
  EXPECT_EQ(refused("{type: ddpm_timesteps, sections: []}"),
            "test.yaml:1:34: node 'node' (ddpm_timesteps): 'sections' is empty; [50] takes 50 steps");
}

}  // namespace
}  // namespace dagfusion::tests
