#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

// Channel 0 holds 1, 3, 5, 7 over both images: mean 4, variance 5. Channel 1 is all alike, and comes out as its bias.
TEST(BatchNorm, NormalisesOverImagesAndPixels) {
  OneNode node("{type: batch_norm}", {{"x", {{2, 2, 1, 2}, {1, 3, 9, 9, 5, 7, 9, 9}}}});
  node.set_weight("weight", {2, 1});
  node.set_weight("bias", {0, .5f});
  node.forward();
  const std::vector<float> y = node.output("y").values, expected = {-3, -1, 0, 0, 1, 3, 0, 0};
  for (const std::size_t i : {0, 1, 4, 5}) EXPECT_NEAR(y[i], 2 * expected[i] / std::sqrt(5 + 1e-5), 1e-5);
  for (const std::size_t i : {2, 3, 6, 7}) EXPECT_NEAR(y[i], .5, 1e-6);
}

TEST(BatchNorm, TakesFixedStatisticsFromItsWeights) {
  OneNode node("{type: batch_norm, statistics: fixed, eps: 1.0e-3}", {{"x", {{1, 1, 1, 2}, {5, 7}}}});
  node.set_weight("running_mean", {3});
  node.set_weight("running_var", {4});
  node.forward();
  EXPECT_NEAR(node.output("y").values[0], 2 / std::sqrt(4.001), 1e-6);
  EXPECT_NEAR(node.output("y").values[1], 4 / std::sqrt(4.001), 1e-6);
}

TEST(BatchNorm, HasTheGradientsOfFiniteDifferences) {
  for (const char* statistics : {"frame", "fixed"})
    for (const int block : {8, 16}) {
      OneNode node(std::string("{type: batch_norm, statistics: ") + statistics + "}",
                   {{"x", gaussian({3, 11, 4, 2}, 1)}}, {.training = true, .channel_block = block});
      node.forward();
      node.backward({{"y", gaussian({3, 11, 4, 2}, 2)}});
      if (std::string(statistics) == "frame") {
        expect_gradients_match(node);
        continue;
      }
      // What no optimiser is to change has no gradient; the rest is linear.
      for (const char* kept : {"running_mean", "running_var"})
        for (const float d : node.d_weight(kept).values) EXPECT_EQ(d, 0) << kept;
      const Plain dx = node.d_input("x"), dy = gaussian({3, 11, 4, 2}, 2);
      for (std::size_t i = 0; i < dx.values.size(); ++i)
        EXPECT_NEAR(dx.values[i], dy.values[i] / std::sqrt(1 + 1e-5), 1e-5);
    }
}

}  // namespace
}  // namespace dagfusion::tests
