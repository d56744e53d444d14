#include <gtest/gtest.h>

#include "nodes/catalog.h"
#include "tests/fixtures/sampler_walk.h"

namespace dagfusion::tests {
namespace {

const OneNodeOptions kLinear = {.sections = "diffusion: {schedule: linear}"};

// Values of an output over all iterations, first image.
std::vector<float> walk(const std::string& yaml, const std::string& port) {
  return iterations_of(yaml, port, kLinear, 2);
}

TEST(DdimTimesteps, LeadingEndsAtZero) {
  const std::vector<float> t = walk("{type: ddim_timesteps, steps: 50}", "t");
  ASSERT_EQ(t.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(t[i], 980 - 20 * i);
  EXPECT_EQ(walk("{type: ddim_timesteps, steps: 10}", "t"),
            std::vector<float>({900, 800, 700, 600, 500, 400, 300, 200, 100, 0}));
}

TEST(DdimTimesteps, TrailingStartsAtTheLast) {
  const std::vector<float> t = walk("{type: ddim_timesteps, steps: 50, spacing: trailing}", "t");
  ASSERT_EQ(t.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(t[i], 999 - 20 * i);
  EXPECT_EQ(walk("{type: ddim_timesteps, steps: 10, spacing: trailing}", "t"),
            std::vector<float>({999, 899, 799, 699, 599, 499, 399, 299, 199, 99}));
}

TEST(DdimTimesteps, LinspaceHoldsBothEnds) {
  EXPECT_EQ(walk("{type: ddim_timesteps, steps: 10, spacing: linspace}", "t"),
            std::vector<float>({999, 888, 777, 666, 555, 444, 333, 222, 111, 0}));
  const std::vector<float> t = walk("{type: ddim_timesteps, steps: 50, spacing: linspace}", "t");
  EXPECT_EQ(std::vector<float>(t.begin(), t.begin() + 4), std::vector<float>({999, 979, 958, 938}));
  EXPECT_EQ(std::vector<float>(t.end() - 3, t.end()), std::vector<float>({41, 20, 0}));
}

TEST(DdimTimesteps, NamesTheNextTimestepAndTheEnds) {
  const std::string yaml = "{type: ddim_timesteps, steps: 4, spacing: linspace}";
  EXPECT_EQ(walk(yaml, "t"), std::vector<float>({999, 666, 333, 0}));
  EXPECT_EQ(walk(yaml, "t_prev"), std::vector<float>({666, 333, 0, -1}));
  EXPECT_EQ(walk(yaml, "index"), std::vector<float>({0, 1, 2, 3}));
  EXPECT_EQ(walk(yaml, "first"), std::vector<float>({1, 0, 0, 0}));
  EXPECT_EQ(walk(yaml, "last"), std::vector<float>({0, 0, 0, 1}));
}

TEST(DdimTimesteps, GivesAllImagesTheSameTimestep) {
  OneNode node("{type: ddim_timesteps, steps: 4}", {}, kLinear, 3);
  node.at(0, 1);
  node.forward();
  EXPECT_EQ(node.output("t").values, std::vector<float>({500, 500, 500}));
  EXPECT_EQ(node.output("t_prev").values, std::vector<float>({250, 250, 250}));
}

TEST(DdimTimesteps, TakesAtMostAllTimesteps) {
  EXPECT_EQ(walk("{type: ddim_timesteps, steps: 1000}", "t").size(), 1000u);
  EXPECT_EQ(refusal("{type: ddim_timesteps, steps: 1001}", {}, kLinear),
            "test.yaml:1:31: node 'node' (ddim_timesteps): 'steps' is 1001, more than the 1000 timesteps of "
            "section 'diffusion'");
}

}  // namespace
}  // namespace dagfusion::tests
