#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

const Plain kConditional{{1, 4}, {1, 2, 3, 4}}, kUnconditional{{1, 4}, {1, 1, 2, 2}};

std::vector<float> guided(const std::string& settings, Plain c = kConditional, Plain u = kUnconditional) {
  OneNode node("{type: guidance, " + settings + "}", {{"conditional", c}, {"unconditional", u}}, {},
               static_cast<int>(c.shape[0]));
  node.forward();
  return node.output("prediction").values;
}

void expect_near(const std::vector<float>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], want[i], 1e-6 * std::max(1.0, std::abs(want[i]))) << i;
}

// 1 + 3 * 0, 1 + 3 * 1, 2 + 3 * 1, 2 + 3 * 2
TEST(Guidance, GoesBeyondTheConditionalPrediction) {
  EXPECT_EQ(guided("scale: 3"), (std::vector<float>{1, 4, 5, 8}));
}

TEST(Guidance, IsOffAtScaleOneAndUnconditionalAtZero) {
  EXPECT_EQ(guided("scale: 1"), kConditional.values);
  EXPECT_EQ(guided("scale: 0"), kUnconditional.values);
  EXPECT_EQ(guided("scale: 1, method: apg"), kConditional.values);
  EXPECT_EQ(guided("scale: 1, method: zero_star"), kConditional.values);
}

TEST(Guidance, BringsBackTheContrast) {
  // The deviations are sqrt(5/3) and sqrt(25/3): 1/sqrt(5) of the guided one, 0.7 / sqrt(5) + 0.3 in all.
  expect_near(guided("scale: 3, rescale: 0.7"), {.6130495168, 2.452198067, 3.065247584, 4.904396135});
}

TEST(Guidance, FitsTheUnconditionalOneFirstInZeroStar) {
  expect_near(guided("scale: 3, method: zero_star"), {-.4, 2.6, 2.2, 5.2});  // 17 / 10 of it
}

TEST(Guidance, PushesAcrossTheConditionalOneInApg) {
  expect_near(guided("scale: 3, method: apg"), {.1333333333, 2.266666667, 2.4, 4.533333333});
}

TEST(Guidance, IsCfgWhereApgKeepsAllOfThePush) {
  expect_near(guided("scale: 3, method: apg, parallel: 1"), {1, 4, 5, 8});
}

TEST(Guidance, ShortensThePushOfApg) {
  // The difference (0, 1, 1, 2) is sqrt(6) long; of length 1, all of it twice: c + 2 * d / sqrt(6).
  const double step = 2 / std::sqrt(6.0);
  expect_near(guided("scale: 3, method: apg, parallel: 1, max_norm: 1"),
              {1, 2 + step, 3 + step, 4 + 2 * step});
  expect_near(guided("scale: 3, method: apg, parallel: 1, max_norm: 3"), {1, 4, 5, 8});
}

// c - u = (0, 1, 1, 2); before that it was (2, 0, 0, -2), of which half is taken off: d = (-1, 1, 1, 3).
// <d, c> / |c|^2 = 16 / 30: c + 2 * (d - 16 / 30 c).
TEST(Guidance, RemembersTheDifferenceBeforeInApg) {
  const auto with = [](const std::string& settings, const Plain& before) {
    OneNode node(
        "{type: guidance, scale: 3, method: apg, momentum: -0.5" + settings + "}",
        {{"conditional", kConditional}, {"unconditional", kUnconditional}, {"difference_before", before}});
    node.forward();
    expect_near(node.output("difference").values, {-.5 * before.values[0], 1 - .5 * before.values[1],
                                                   1 - .5 * before.values[2], 2 - .5 * before.values[3]});
    return node.output("prediction").values;
  };
  const Plain before{{1, 4}, {2, 0, 0, -2}}, zeros{{1, 4}, {0, 0, 0, 0}};
  const double c = 1 - 32 / 30.;
  expect_near(with("", before), {c - 2, 2 * c + 2, 3 * c + 2, 4 * c + 6});
  expect_near(with(", parallel: 1", before), {-1, 4, 5, 10});
  const double step = 2 / std::sqrt(12.0);
  expect_near(with(", parallel: 1, max_norm: 1", before), {1 - step, 2 + step, 3 + step, 4 + 3 * step});
  expect_near(with("", zeros), {.1333333333, 2.266666667, 2.4, 4.533333333});
}

TEST(Guidance, KeepsItsMomentumWhereThePredictionsAreEqual) {
  OneNode node("{type: guidance, scale: 3, method: apg, momentum: -0.5}",
               {{"conditional", kConditional},
                {"unconditional", kConditional},
                {"difference_before", {{1, 4}, {2, 0, 0, -2}}}});
  node.forward();
  EXPECT_EQ(node.output("prediction").values, kConditional.values);
  EXPECT_EQ(node.output("difference").values, (std::vector<float>{2, 0, 0, -2}));
}

TEST(Guidance, RefusesMomentumThatNobodyCarries) {
  EXPECT_EQ(
      refusal("{type: guidance, method: apg, momentum: -0.5}",
              {{"conditional", kConditional}, {"unconditional", kUnconditional}}),
      "test.yaml:1:41: node 'node' (guidance): 'momentum' is -0.5, but input 'difference_before' is not "
      "wired, which carries it from iteration to iteration");
  EXPECT_EQ(refusal("{type: guidance, momentum: -0.5}",
                    {{"conditional", kConditional}, {"unconditional", kUnconditional}}),
            "test.yaml:1:28: node 'node' (guidance): 'momentum' is -0.5, which is for 'method: apg', but "
            "'method' is cfg");
}

TEST(Guidance, GuidesEachImageByItself) {
  const Plain c{{2, 4}, {1, 2, 3, 4, 10, 20, 30, 40}}, u{{2, 4}, {1, 1, 2, 2, 10, 10, 20, 20}};
  for (const std::string method : {"cfg", "zero_star", "apg"}) {
    const std::vector<float> both = guided("scale: 3, rescale: 0.7, method: " + method, c, u);
    const std::vector<float> one = guided("scale: 3, rescale: 0.7, method: " + method);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(both[i], one[i]);
      EXPECT_NEAR(both[4 + i], 10 * one[i], 1e-5);
    }
  }
}

TEST(Guidance, KeepsPredictionsThatAreEqualBitForBit) {
  const Plain c = gaussian({2, 3, 5, 5}, 1);
  for (const std::string method : {"cfg", "zero_star", "apg"})
    EXPECT_EQ(guided("scale: 7.3, rescale: 0.7, method: " + method, c, c), c.values);
}

TEST(Guidance, PredictsZeroInTheFirstStepsThatItIsTold) {
  OneNode node("{type: guidance, scale: 3, method: zero_star, zero_steps: 2}",
               {{"conditional", kConditional}, {"unconditional", kUnconditional}, {"index", {{}, {1}}}},
               {.dtypes = {{"index", DType::i32}}});
  node.forward();
  EXPECT_EQ(node.output("prediction").values, std::vector<float>(4, 0));
  node.set_input("index", {2});
  node.forward();
  expect_near(node.output("prediction").values, {-.4, 2.6, 2.2, 5.2});
}

TEST(Guidance, RefusesZeroStepsThatNobodyCounts) {
  EXPECT_EQ(refusal("{type: guidance, zero_steps: 1}",
                    {{"conditional", kConditional}, {"unconditional", kUnconditional}}),
            "test.yaml:1:30: node 'node' (guidance): 'zero_steps' is 1, but input 'index' is not wired, "
            "which counts them");
}

}  // namespace
}  // namespace dagfusion::tests
