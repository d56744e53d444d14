#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

OneNode interval_at(std::vector<float> t, const std::string& interval, const std::string& diffusion) {
  const auto images = static_cast<int>(t.size());
  return OneNode("{type: guidance_interval, interval: " + interval + "}", {{"t", {{images}, std::move(t)}}},
                 {.sections = "diffusion: " + diffusion}, images);
}

bool on(float t, const std::string& interval, const std::string& diffusion) {
  OneNode node = interval_at({t}, interval, diffusion);
  node.forward();
  return node.output("on").values[0] == 1;
}

// The sigmas of steps 13, 17, 19, 20, 22 and 23 of EDM's 32, and the interval of Kynkäänniemi et al. for the best FID.
TEST(GuidanceInterval, ActsInStepsSeventeenToTwentyTwoOfEdm) {
  const std::string edm = "{process: edm, prediction: edm}", best = "[0.1886, 1.6086]";
  EXPECT_FALSE(on(4.99911135f, best, edm));
  EXPECT_TRUE(on(1.608571366f, best, edm));
  EXPECT_TRUE(on(0.8446198411f, best, edm));
  EXPECT_TRUE(on(0.5977004234f, best, edm));
  EXPECT_TRUE(on(0.283043997f, best, edm));
  EXPECT_FALSE(on(0.1885995193f, best, edm));
}

// A flow at t has the sigma t / (1 - t): 1, 3 and 7.
TEST(GuidanceInterval, AsksTheNoiseProcessForTheNoise) {
  const std::string flow = "{process: flow, prediction: velocity}";
  EXPECT_FALSE(on(0.5f, "[1, 3]", flow));  // the lower end is outside, the upper one inside
  EXPECT_TRUE(on(0.75f, "[1, 3]", flow));
  EXPECT_FALSE(on(0.875f, "[1, 3]", flow));
}

TEST(GuidanceInterval, RefusesImagesOfAFrameThatDisagree) {
  OneNode node = interval_at({1, 2, 3}, "[0, 2]", "{process: edm, prediction: edm}");
  try {
    node.forward();
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(),
                 "the images of a frame have times 1 and 3, of which only one is inside the interval; "
                 "guidance takes them together");
  }
}

TEST(GuidanceInterval, RefusesWhatIsNoInterval) {
  for (const std::string interval : {"[1.0]", "[2.0, 1.0]", "[1.0, 1.0]", "[1.0, 2.0, 3.0]"})
    EXPECT_EQ(refusal("{type: guidance_interval, interval: " + interval + "}", {{"t", {{1}, {1}}}},
                      {.sections = "diffusion: {}"}),
              "test.yaml:1:37: node 'node' (guidance_interval): 'interval' is " + interval +
                  "; it takes two numbers, the smaller one first");
}

}  // namespace
}  // namespace dagfusion::tests
