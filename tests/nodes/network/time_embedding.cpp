#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

// Computed in float64 from Ho et al.'s formula: t = 10, 128 numbers.
TEST(TimeEmbedding, HasTheNumbersOfHo) {
  OneNode embedding("{type: time_embedding, dim: 128}", {{"t", {{1}, {10}}}});
  embedding.forward();
  const std::vector<float> y = embedding.output("y").values;
  EXPECT_NEAR(y[0], -0.54402111, 1e-7);
  EXPECT_NEAR(y[1], 0.70674982, 1e-7);
  EXPECT_NEAR(y[2], 0.92520486, 1e-7);
  EXPECT_NEAR(y[64], -0.83907153, 1e-7);
  EXPECT_NEAR(y[65], -0.70746357, 1e-7);
  EXPECT_NEAR(y[66], 0.37946800, 1e-7);
  EXPECT_NEAR(y[63], std::sin(10 * 1e-4), 1e-9);  // the last frequency is 1/10000
}

// OpenAI's code: cosines first, and the frequencies end one step before 1/10000.
TEST(TimeEmbedding, HasTheNumbersOfOpenAI) {
  OneNode embedding("{type: time_embedding, dim: 128, order: cos_sin, freq_shift: 0}", {{"t", {{1}, {10}}}});
  embedding.forward();
  const std::vector<float> y = embedding.output("y").values;
  EXPECT_NEAR(y[0], -0.83907153, 1e-7);
  EXPECT_NEAR(y[1], -0.72128905, 1e-7);
  EXPECT_NEAR(y[2], 0.34762744, 1e-7);
  EXPECT_NEAR(y[64], -0.54402111, 1e-7);
  EXPECT_NEAR(y[65], 0.69263418, 1e-7);
  EXPECT_NEAR(y[66], 0.93763274, 1e-7);
  EXPECT_NEAR(y[127], std::sin(10 * 1.1547820e-4), 1e-9);
}

// Of times in [0,1] that are not scaled only the first frequencies move.
TEST(TimeEmbedding, HasTheNumbersOfTimesThatAreNotScaled) {
  OneNode embedding("{type: time_embedding, dim: 128, order: cos_sin, freq_shift: 0}",
                    {{"t", {{1}, {0.5f}}}});
  embedding.forward();
  EXPECT_NEAR(embedding.output("y").values[0], .8775825619, 1e-7);
  EXPECT_NEAR(embedding.output("y").values[1], .9077185335, 1e-7);
}

// dim 4, max_period 100: frequencies 1 and 1/100, at t = 0.5 and 0.
TEST(TimeEmbedding, TakesTimesBetweenSteps) {
  OneNode embedding("{type: time_embedding, dim: 4, max_period: 100}", {{"t", {{2}, {0.5, 0}}}});
  embedding.forward();
  const Plain y = embedding.output("y");
  EXPECT_EQ(y.shape, (Shape{2, 4}));
  const std::vector<double> want = {
      std::sin(0.5), std::sin(0.005), std::cos(0.5), std::cos(0.005), 0, 0, 1, 1};
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(y.values[i], want[i], 1e-7) << "at " << i;
}

TEST(TimeEmbedding, RejectsAnOddNumberOfNumbers) {
  EXPECT_EQ(
      refusal("{type: time_embedding, dim: 7}", {{"t", numbered({1})}}),
      "test.yaml:1:29: node 'node' (time_embedding): 'dim' is 7, which has no halves for sine and cosine; "
      "8 would do");
}

TEST(TimeEmbedding, RejectsOneFrequencyThatWouldHaveToBeFirstAndLast) {
  EXPECT_EQ(refusal("{type: time_embedding, dim: 2}", {{"t", numbered({1})}}),
            "test.yaml:1:29: node 'node' (time_embedding): 'dim' is 2, too few for 'freq_shift' 1; at least "
            "4 would do");
}

}  // namespace
}  // namespace dagfusion::tests
