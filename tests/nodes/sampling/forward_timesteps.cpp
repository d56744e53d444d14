#include <gtest/gtest.h>

#include "nodes/catalog.h"
#include "tests/fixtures/sampler_walk.h"

namespace dagfusion::tests {
namespace {

const OneNodeOptions kLinear = {.sections = "diffusion: {schedule: linear}"};

std::vector<float> walk(const std::string& yaml, const std::string& port) {
  return iterations_of(yaml, port, kLinear);
}

std::string refused(const std::string& parameters) {
  return refusal("{type: forward_timesteps, " + parameters + "}", {}, kLinear);
}

TEST(ForwardTimesteps, CountsUpThroughAllTimesteps) {
  const std::vector<float> t = walk("{type: forward_timesteps}", "t"),
                           prev = walk("{type: forward_timesteps}", "t_prev");
  ASSERT_EQ(t.size(), 1000u);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(t[i], i);
    EXPECT_EQ(prev[i], i - 1);
  }
}

TEST(ForwardTimesteps, SpacesStepsEvenlyFromEndToEnd) {
  EXPECT_EQ(walk("{type: forward_timesteps, steps: 4}", "t"), std::vector<float>({0, 333, 666, 999}));
  EXPECT_EQ(walk("{type: forward_timesteps, steps: 4}", "t_prev"), std::vector<float>({-1, 0, 333, 666}));
  EXPECT_EQ(walk("{type: forward_timesteps, steps: 4}", "last"), std::vector<float>({0, 0, 0, 1}));
}

TEST(ForwardTimesteps, TakesAListOfTimesteps) {
  EXPECT_EQ(walk("{type: forward_timesteps, list: [5, 50, 500]}", "t"), std::vector<float>({5, 50, 500}));
  EXPECT_EQ(walk("{type: forward_timesteps, list: [5, 50, 500]}", "t_prev"), std::vector<float>({-1, 5, 50}));
}

TEST(ForwardTimesteps, RefusesTimesThatAreNone) {
  EXPECT_EQ(refused("steps: 1001"),
            "test.yaml:1:34: node 'node' (forward_timesteps): 'steps' is 1001, more than the 1000 timesteps "
            "of section 'diffusion'");
  EXPECT_EQ(refused("list: [0, 1000]"),
            "test.yaml:1:37: node 'node' (forward_timesteps): 'list' holds 1000, but the timesteps of "
            "section 'diffusion' end at 999");
  EXPECT_EQ(refused("list: [7, 7]"),
            "test.yaml:1:37: node 'node' (forward_timesteps): 'list' holds 7 after 7; noise is only added, "
            "so it must rise");
  EXPECT_EQ(refused("list: []"),
            "test.yaml:1:33: node 'node' (forward_timesteps): 'list' is empty; [0, 500] takes two steps");
  EXPECT_EQ(refused("steps: 2, list: [7]"),
            "test.yaml:1:34: node 'node' (forward_timesteps): 'steps' and 'list' are both given; one of them "
            "says it all");
}

}  // namespace
}  // namespace dagfusion::tests
