#include <gtest/gtest.h>

#include <limits>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

// Two images of two values; errors 1, 3 and 0, -2. With delta 2: 0.5, 2 * (3 - 1) = 4 and 0, 2.
OneNode node(const std::string& parameters = "") {
  return OneNode("{type: huber_loss, delta: 2" + parameters + "}",
                 {{"prediction", {{2, 1, 1, 2}, {2, 5, 1, 1}}}, {"target", {{2, 1, 1, 2}, {1, 2, 1, 3}}}},
                 {.training = true});
}

TEST(HuberLoss, SquaresSmallErrorsAndTakesLargeOnesAsTheyAre) {
  OneNode loss = node();
  loss.forward();
  EXPECT_EQ(loss.output("per_image").values, std::vector<float>({2.25f, 1}));
  EXPECT_EQ(loss.output("loss").values, std::vector<float>({1.625f}));
}

TEST(HuberLoss, SumsWithinAnImageWhenAskedTo) {
  OneNode loss = node(", reduction: sum");
  loss.forward();
  EXPECT_EQ(loss.output("per_image").values, std::vector<float>({4.5f, 2}));
}

TEST(HuberLoss, LimitsItsGradientToDelta) {
  OneNode loss = node();
  loss.forward();
  loss.backward({{"loss", {{}, {4}}}});
  // error, at most 2, / (2 values * 2 images) * 4
  EXPECT_EQ(loss.d_input("prediction").values, std::vector<float>({1, 2, 0, -2}));
  EXPECT_EQ(loss.d_input("target").values, std::vector<float>({-1, -2, 0, 2}));
}

// huber_loss(tensor([0.3, -1.2, 2.5, 0.]), tensor([0., 0., -1., 0.25]), delta=0.7)
// of torch.nn.functional 1.13
TEST(HuberLoss, GivesWhatPyTorchGives) {
  constexpr float kPyTorch = 0.7190625071525574f;
  OneNode loss("{type: huber_loss, delta: 0.7}",
               {{"prediction", {{1, 4}, {0.3f, -1.2f, 2.5f, 0}}}, {"target", {{1, 4}, {0, 0, -1, 0.25f}}}});
  loss.forward();
  EXPECT_NEAR(loss.output("loss").values[0], kPyTorch, 1e-6);
}

TEST(HuberLoss, HasTheGradientsOfFiniteDifferences) {
  for (const char* parameters : {"", ", reduction: sum", ", delta: 0.4"}) {
    SCOPED_TRACE(parameters);
    OneNode loss(std::string("{type: huber_loss") + parameters + "}",
                 {{"prediction", gaussian({3, 2, 3, 3}, 1)}, {"target", gaussian({3, 2, 3, 3}, 2)}});
    expect_gradients_match(loss);
  }
}

TEST(HuberLoss, NamesTheImagesWhoseLossIsNotFinite) {
  OneNode loss("{type: huber_loss}", {{"prediction", {{2, 1}, {0, std::numeric_limits<float>::quiet_NaN()}}},
                                      {"target", {{2, 1}, {0, 0}}}});
  loss.at(36);
  try {
    loss.forward();
    ADD_FAILURE();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "loss is nan for images 37");
  }
}

TEST(HuberLoss, RefusesADeltaOfNothing) {
  try {
    OneNode loss("{type: huber_loss, delta: 0}", {{"prediction", {{1, 1}, {0}}}, {"target", {{1, 1}, {0}}}});
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_STREQ(
        error.what(),
        "test.yaml:1:27: node 'node' (huber_loss): 'delta' is 0; it must be above 0 and at most 1000000");
  }
}

}  // namespace
}  // namespace dagfusion::tests
