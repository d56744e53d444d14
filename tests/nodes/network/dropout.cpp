#include <gtest/gtest.h>

#include <algorithm>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

const OneNodeOptions kTraining = {.training = true};

std::vector<float> dropped_ones(OneNode& dropout) {
  dropout.forward();
  return dropout.output("y").values;
}

Plain ones(Shape shape) { return {shape, std::vector<float>(count_of(shape), 1.0f)}; }

// Half of 40,000: 20,000 with a deviation of 100. What stays is doubled.
TEST(Dropout, DropsTheShareAskedForAndScalesTheRest) {
  OneNode dropout("{type: dropout, rate: 0.5}", {{"x", ones({4, 100, 10, 10})}}, kTraining);
  const std::vector<float> y = dropped_ones(dropout);
  const std::ptrdiff_t zeros = std::count(y.begin(), y.end(), 0.0f),
                       twos = std::count(y.begin(), y.end(), 2.0f);
  EXPECT_EQ(zeros + twos, 40000);
  EXPECT_NEAR(zeros, 20000, 500);
}

// A tenth is 6554 of 65536 random numbers: what stays is divided by 1 - 6554/65536.
TEST(Dropout, KeepsTheMeanExactly) {
  OneNode dropout("{type: dropout, rate: 0.1}", {{"x", ones({1, 8, 4, 4})}}, kTraining);
  const std::vector<float> y = dropped_ones(dropout);
  EXPECT_EQ(*std::max_element(y.begin(), y.end()), static_cast<float>(65536.0 / 58982.0));
}

TEST(Dropout, KeepsEverythingAtRateZero) {
  OneNode dropout("{type: dropout, rate: 0}", {{"x", numbered({2, 3, 2, 2})}}, kTraining);
  EXPECT_EQ(dropped_ones(dropout), numbered({2, 3, 2, 2}).values);
}

TEST(Dropout, DropsTheSameElementsInEveryLayout) {
  const Plain x = gaussian({2, 20, 3, 5}, 1);
  OneNode plain("{type: dropout, rate: 0.5}", {{"x", x}}, kTraining);
  for (const int block : {8, 16}) {
    OneNode blocked("{type: dropout, rate: 0.5}", {{"x", x}},
                    {.training = true, .channel_block = block, .blocked = {"x"}});
    ASSERT_EQ(blocked.output_spec("y").block, block);
    EXPECT_EQ(dropped_ones(blocked), dropped_ones(plain));
  }
}

// Neighbouring channels must not repeat each other, at the same pixels or eight pixels on.
TEST(Dropout, DropsTheElementsOfEachChannelForThemselves) {
  OneNode dropout("{type: dropout, rate: 0.5}", {{"x", ones({1, 2, 8, 8})}}, kTraining);
  const std::vector<float> y = dropped_ones(dropout);
  EXPECT_FALSE(std::equal(y.begin(), y.begin() + 56, y.begin() + 64));
  EXPECT_FALSE(std::equal(y.begin() + 8, y.begin() + 64, y.begin() + 64));
}

TEST(Dropout, DropsByTheNumberOfTheImage) {
  OneNode dropout("{type: dropout, rate: 0.5}", {{"x", ones({2, 8, 4, 4})}}, kTraining);
  const std::vector<float> first = dropped_ones(dropout);
  dropout.at(1);
  const std::vector<float> later = dropped_ones(dropout);
  EXPECT_NE(first, later);
  EXPECT_TRUE(
      std::equal(first.begin() + 128, first.end(), later.begin()));  // image 1, second and first of its frame
}

TEST(Dropout, DropsOtherElementsWithAnotherSeed) {
  OneNode one("{type: dropout, rate: 0.5}", {{"x", ones({1, 8, 4, 4})}}, {.training = true, .seed = 1});
  OneNode two("{type: dropout, rate: 0.5}", {{"x", ones({1, 8, 4, 4})}}, {.training = true, .seed = 2});
  EXPECT_NE(dropped_ones(one), dropped_ones(two));
}

TEST(Dropout, HasTheGradientsOfFiniteDifferences) {
  OneNode dropout("{type: dropout, rate: 0.3}", {{"x", gaussian({2, 11, 3, 3}, 1)}},
                  {.training = true, .blocked = {"x"}});
  expect_gradients_match(dropout);
}

TEST(Dropout, ThinsOutPlainVectors) {
  OneNode dropout("{type: dropout, rate: 0.5}", {{"x", ones({3, 1000})}}, kTraining);
  const std::vector<float> y = dropped_ones(dropout);
  EXPECT_NEAR(std::count(y.begin(), y.end(), 0.0f), 1500, 140);  // five deviations
}

TEST(Dropout, RejectsToDropEverything) {
  EXPECT_EQ(refusal("{type: dropout, rate: 1}", {{"x", numbered({1, 8})}}, kTraining),
            "test.yaml:1:23: node 'node' (dropout): 'rate' is 1; it must be between 0 and 0.999");
}

}  // namespace
}  // namespace dagfusion::tests
