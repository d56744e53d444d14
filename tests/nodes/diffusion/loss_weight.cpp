// Loss weights, all of which share nodes/diffusion/loss_weight.h.
#include "nodes/diffusion/loss_weight.h"

#include <gtest/gtest.h>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

double weight(const std::string& node, const std::string& section, float t) {
  OneNode made("{type: " + node + "}", {{"t", {{1}, {t}}}}, {.sections = "diffusion: {" + section + "}"});
  made.forward();
  return made.output("weight").values[0];
}

void expect(double value, double golden) { EXPECT_NEAR(value, golden, 2e-7 * std::max(1.0, golden)); }

TEST(LossWeight, MinSnrAgreesWithTheGoldenNumbers) {
  expect(weight("min_snr_weight", "prediction: epsilon", 0), .00050005);
  expect(weight("min_snr_weight", "prediction: v", 0), .0005);
  expect(weight("min_snr_weight", "prediction: epsilon", 100), .5857085078);
  expect(weight("min_snr_weight", "prediction: v", 100), .5242920455);
  expect(weight("min_snr_weight", "prediction: epsilon", 500), 1);
  expect(weight("min_snr_weight", "prediction: v", 500), .07779665837);
  expect(weight("min_snr_weight", "prediction: sample", 100), 5);
}

TEST(LossWeight, IsOneWhereNoImageIsLeft) {
  EXPECT_EQ(weight("min_snr_weight", "prediction: v, zero_terminal_snr: true", 999), 1);
  EXPECT_EQ(weight("snr_weight", "process: flow, prediction: velocity", 1), 1);
}

TEST(LossWeight, P2AgreesWithTheGoldenNumbers) {
  expect(weight("p2_weight", "prediction: epsilon", 100), .1048584091);
  expect(weight("p2_weight, gamma: 0.5", "prediction: epsilon", 100), .3238184817);
}

TEST(LossWeight, SoftMinSnrIsThatOfKdiffusion) {
  // (sigma sigma_data)^2 / (sigma^2 + sigma_data^2)^2 of F, over c_out^2 of the clean image: gamma = 1 / sigma_data^2
  const double sigma = .7, data = .5;
  const double on_F = std::pow(sigma * data / (sigma * sigma + data * data), 2) /
                      1;  // the loss of F itself is what k-diffusion weighs
  expect(weight("soft_min_snr_weight", "process: edm, prediction: edm", float(sigma)), on_F);
}

TEST(LossWeight, SnrIsTheLossOfTheNoiseForEveryPrediction) {
  expect(weight("snr_weight", "prediction: epsilon", 300), 1);
  const double snr = .3963 / (1 - .3963);  // about that of t = 300
  EXPECT_NEAR(weight("snr_weight", "prediction: v", 300), snr / (snr + 1), .01);
  expect(weight("snr_weight", "process: edm, prediction: sample", 2), .25);  // 1 / sigma^2
}

TEST(LossWeight, TruncatedSnrNeverFallsBelowOneForTheCleanImage) {
  expect(weight("truncated_snr_weight", "process: edm, prediction: sample", 2), 1);
  expect(weight("truncated_snr_weight", "process: edm, prediction: sample", .5), 4);
}

TEST(LossWeight, EdmAgreesWithTheGoldenNumbers) {
  expect(weight("edm_weight", "process: edm, prediction: sample", 1), 5);
  expect(weight("edm_weight", "process: edm, prediction: sample", .5), 8);
  expect(weight("edm_weight", "process: edm, prediction: sample", 80), 4.00015625);
  for (const float sigma : {.01f, 1.f, 50.f})
    expect(weight("edm_weight", "process: edm, prediction: edm", sigma), 1);
}

TEST(LossWeight, VelocityIsTheLossOfTheVelocityDownToItsFloor) {
  expect(weight("velocity_weight", "process: flow, prediction: velocity", .3f), 1);
  expect(weight("velocity_weight", "process: flow, prediction: sample", .5), 4);
  expect(weight("velocity_weight", "process: flow, prediction: sample", .01f), 400);
}

TEST(LossWeight, CosmapAgreesWithTheGoldenNumbers) {
  expect(weight("cosmap_weight", "process: flow, prediction: velocity", .5), 1.273239545);
  expect(weight("cosmap_weight", "process: flow, prediction: velocity", .1f), .7763655761);
}

TEST(LossWeight, WeighsEachImageOfALoss) {
  // errors 1, 3 and 0, 2: squares 1, 9 and 0, 4; means 5 and 2, weighed by 0.5 and 3
  OneNode loss("{type: mse_loss}", {{"prediction", {{2, 1, 1, 2}, {2, 5, 1, 3}}},
                                    {"target", {{2, 1, 1, 2}, {1, 2, 1, 1}}},
                                    {"weight", {{2}, {.5f, 3}}}});
  loss.forward();
  EXPECT_EQ(loss.output("per_image").values, std::vector<float>({2.5f, 6}));
  EXPECT_EQ(loss.output("loss").values, std::vector<float>({4.25f}));
}

TEST(LossWeight, LossesHaveGradientsOfFiniteDifferences) {
  for (const char* type : {"mse_loss", "huber_loss, delta: 0.5", "pseudo_huber_loss, c: 0.3"}) {
    SCOPED_TRACE(type);
    OneNode loss(std::string("{type: ") + type + "}", {{"prediction", gaussian({3, 2, 3, 3}, 1)},
                                                       {"target", gaussian({3, 2, 3, 3}, 2)},
                                                       {"weight", {{3}, {.5f, 2, 1}}}});
    expect_gradients_match(loss);
  }
}

TEST(LossWeight, AbsoluteErrorIsItsNameAndItsGradientTheSign) {
  OneNode loss("{type: l1_loss}", {{"prediction", {{1, 2}, {2, -3}}}, {"target", {{1, 2}, {1, 1}}}});
  loss.forward();
  EXPECT_EQ(loss.output("loss").values, std::vector<float>({2.5f}));
  loss.backward({{"loss", {{}, {1}}}});
  EXPECT_EQ(loss.d_input("prediction").values, std::vector<float>({.5f, -.5f}));
}

TEST(LossWeight, PseudoHuberAgreesWithItsFormula) {
  // sqrt(3^2 + 4^2) - 4 = 1, sqrt(0 + 16) - 4 = 0
  OneNode loss("{type: pseudo_huber_loss, c: 4}",
               {{"prediction", {{1, 2}, {3, 1}}}, {"target", {{1, 2}, {0, 1}}}});
  loss.forward();
  EXPECT_EQ(loss.output("loss").values, std::vector<float>({.5f}));
}

}  // namespace
}  // namespace dagfusion::tests
