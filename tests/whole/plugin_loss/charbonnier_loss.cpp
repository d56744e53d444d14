// The node of the example plugin, loaded as a plugin into this test.
#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

OneNode node(const std::string& parameters, Plain prediction, Plain target) {
  return OneNode("{type: charbonnier_loss" + parameters + "}",
                 {{"prediction", std::move(prediction)}, {"target", std::move(target)}},
                 {.training = true, .sections = "plugins: [" PLUGIN "]"});
}

// Errors 4 and 0 with epsilon 3: sqrt(16 + 9) = 5 and 3, on average 4. Errors -4 and 4: 5.
TEST(CharbonnierLoss, IsTheRootOfSquaredErrorAndEpsilon) {
  OneNode loss = node(", epsilon: 3", {{2, 2}, {5, 2, 0, 4}}, {{2, 2}, {1, 2, 4, 0}});
  loss.forward();
  EXPECT_EQ(loss.output("per_image").values, std::vector<float>({4, 5}));
  EXPECT_EQ(loss.output("loss").values, std::vector<float>({4.5f}));
  loss.backward({{"loss", {{}, {20}}}});
  // error / its root / (2 values * 2 images) * 20
  EXPECT_EQ(loss.d_input("prediction").values, std::vector<float>({4, 0, -4, 4}));
}

TEST(CharbonnierLoss, HasTheGradientsOfFiniteDifferences) {
  OneNode loss = node(", epsilon: 0.5", gaussian({3, 2, 3, 3}, 1), gaussian({3, 2, 3, 3}, 2));
  expect_gradients_match(loss);
}

TEST(CharbonnierLoss, RefusesAnEpsilonOfZero) {
  try {
    node(", epsilon: 0", {{1, 1}, {0}}, {{1, 1}, {0}});
    FAIL();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(),
                 "test.yaml:1:35: node 'node' (charbonnier_loss): 'epsilon' is 0; it must be above 0 and at "
                 "most 1000");
  }
}

}  // namespace
}  // namespace dagfusion::tests
