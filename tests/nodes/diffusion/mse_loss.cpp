#include <gtest/gtest.h>

#include <limits>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// Two images of two values; errors 1, 3 and 0, 2: squares 1, 9 and 0, 4.
OneNode node(const std::string& parameters = "") {
  return OneNode("{type: mse_loss" + parameters + "}",
                 {{"prediction", {{2, 1, 1, 2}, {2, 5, 1, 3}}}, {"target", {{2, 1, 1, 2}, {1, 2, 1, 1}}}});
}

std::string failure(std::vector<float> prediction) {
  OneNode loss("{type: mse_loss}",
               {{"prediction", {{4, 1}, std::move(prediction)}}, {"target", {{4, 1}, {0, 0, 0, 0}}}});
  loss.at(36);
  try {
    loss.forward();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(MseLoss, IsTheMeanOfTheSquaredErrors) {
  OneNode loss = node();
  loss.forward();
  EXPECT_EQ(loss.output("per_image").values, std::vector<float>({5, 2}));
  EXPECT_EQ(loss.output("loss").values, std::vector<float>({3.5f}));
  EXPECT_EQ(loss.output("loss").shape, Shape());
}

TEST(MseLoss, SumsWithinAnImageWhenAskedTo) {
  OneNode loss = node(", reduction: sum");
  loss.forward();
  EXPECT_EQ(loss.output("per_image").values, std::vector<float>({10, 4}));
  EXPECT_EQ(loss.output("loss").values, std::vector<float>({7}));
}

TEST(MseLoss, LeavesOutImagesThatOnlyFillUpTheFrame) {
  OneNode loss = node();
  loss.at(0, 0, 1);
  loss.forward();
  EXPECT_EQ(loss.output("loss").values, std::vector<float>({5}));
  EXPECT_EQ(loss.output("per_image").values, std::vector<float>({5, 0}));
  loss.backward({{"loss", {{}, {1}}}});
  // 2 * error / (2 values * 1 image)
  EXPECT_EQ(loss.d_input("prediction").values, std::vector<float>({1, 3, 0, 0}));
  EXPECT_EQ(loss.d_input("target").values, std::vector<float>({-1, -3, 0, 0}));
}

TEST(MseLoss, HasTheGradientsOfFiniteDifferences) {
  for (const char* parameters : {"", ", reduction: sum"}) {
    SCOPED_TRACE(parameters);
    OneNode loss(std::string("{type: mse_loss") + parameters + "}",
                 {{"prediction", gaussian({3, 2, 3, 3}, 1)}, {"target", gaussian({3, 2, 3, 3}, 2)}});
    expect_gradients_match(loss);
  }
}

TEST(MseLoss, NamesTheImagesWhoseLossIsNotFinite) {
  EXPECT_EQ(failure({0, kNan, 0, 0}), "loss is nan for images 37");
  EXPECT_EQ(failure({0, kNan, 0, kNan}), "loss is nan for images 37, 39");
  EXPECT_EQ(failure({kInf, 0, 0, 0}), "loss is inf for images 36");
  EXPECT_EQ(failure({kInf, kNan, 0, 0}), "loss is nan for images 36, 37");
  EXPECT_EQ(failure({0, 0, 0, 0}), "");
}

}  // namespace
}  // namespace dagfusion::tests
