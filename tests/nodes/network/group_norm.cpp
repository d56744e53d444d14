#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

void expect_near(const Plain& got, const std::vector<float>& want, float bound = 1e-5f) {
  ASSERT_EQ(got.values.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got.values[i], want[i], bound) << "at " << i;
}

// One group of 1, 3 and 5, 7: mean 4, variance (9 + 1 + 1 + 9) / 4 = 5.
TEST(GroupNorm, TakesMeanAndVarianceOverTheChannelsAndPixelsOfAGroup) {
  OneNode norm("{type: group_norm, groups: 1}", {{"x", {{1, 2, 1, 2}, {1, 3, 5, 7}}}});
  norm.forward();
  const float unit = 1 / std::sqrt(5.0f);
  expect_near(norm.output("y"), {-3 * unit, -1 * unit, 1 * unit, 3 * unit});
}

// Each channel a group: 1, 3 and 5, 7 both become -1, 1, which weight and bias make 2z + 1 and -z.
TEST(GroupNorm, ScalesAndShiftsEachChannel) {
  OneNode norm("{type: group_norm, groups: 2}", {{"x", {{1, 2, 1, 2}, {1, 3, 5, 7}}}});
  norm.set_weight("weight", {2, -1});
  norm.set_weight("bias", {1, 0});
  norm.forward();
  expect_near(norm.output("y"), {-1, 3, 1, -1});
}

// 1, 3 shifted by 4 is 5, 7; with the other channel's 5, 7 the mean is 6 and the variance 1.
TEST(GroupNorm, AddsTheShiftBeforeItNormalises) {
  OneNode norm("{type: group_norm, groups: 1}",
               {{"x", {{1, 2, 1, 2}, {1, 3, 5, 7}}}, {"shift", {{1, 2}, {4, 0}}}});
  norm.forward();
  expect_near(norm.output("y"), {-1, 1, -1, 1});
}

// silu(1) = 1 / (1 + e^-1) = 0.7310586, silu(-1) = -0.2689414.
TEST(GroupNorm, ScalesAndShiftsEachImageBehindTheNormalisation) {
  OneNode norm("{type: group_norm, groups: 2}",
               {{"x", {{1, 2, 1, 2}, {1, 3, 5, 7}}}, {"film", {{1, 4}, {1, -0.5f, 10, 20}}}});
  norm.set_weight("weight", {2, 1});
  norm.set_weight("bias", {1, 0});
  norm.forward();
  expect_near(norm.output("y"), {2 * -1 + 10, 2 * 3 + 10, -0.5f + 20, 0.5f + 20});
}

TEST(GroupNorm, RejectsAFilmOfOtherChannels) {
  EXPECT_EQ(
      refusal("{type: group_norm, groups: 1}", {{"x", numbered({1, 2, 2, 2})}, {"film", numbered({1, 3})}}),
      "test.yaml:1:1: node 'node' (group_norm): input 'film' is [1,3]; a scale and a shift of each channel "
      "are "
      "[1,4]");
}

TEST(GroupNorm, AppliesSiluToTheResult) {
  OneNode norm("{type: group_norm, groups: 2, silu: true}", {{"x", {{1, 2, 1, 2}, {1, 3, 5, 7}}}});
  norm.forward();
  expect_near(norm.output("y"), {-0.2689414f, 0.7310586f, -0.2689414f, 0.7310586f});
}

TEST(GroupNorm, NormalisesEachImageAlone) {
  const Plain both = gaussian({2, 4, 3, 3}, 1);
  OneNode pair("{type: group_norm, groups: 2}", {{"x", both}});
  OneNode second("{type: group_norm, groups: 2}",
                 {{"x", {{1, 4, 3, 3}, {both.values.begin() + 36, both.values.end()}}}});
  pair.forward();
  second.forward();
  const std::vector<float> y = pair.output("y").values;
  EXPECT_EQ(std::vector<float>(y.begin() + 36, y.end()), second.output("y").values);
}

TEST(GroupNorm, HasTheGradientsOfFiniteDifferences) {
  for (const int block : {8, 16}) {
    for (const char* silu : {"false", "true"}) {
      OneNode norm(std::string("{type: group_norm, groups: 3, silu: ") + silu + "}",
                   {{"x", gaussian({2, 12, 3, 2}, 1)}, {"shift", gaussian({2, 12}, 2)}},
                   {.training = true, .channel_block = block});
      norm.set_weight("weight", gaussian({12}, 3).values);
      norm.set_weight("bias", gaussian({12}, 4).values);
      expect_gradients_match(norm);
    }
  }
}

TEST(GroupNorm, HasTheGradientsOfFiniteDifferencesWithFilm) {
  for (const int block : {8, 16}) {
    OneNode norm("{type: group_norm, groups: 3, silu: true}",
                 {{"x", gaussian({2, 12, 3, 2}, 1)}, {"film", gaussian({2, 24}, 2)}},
                 {.training = true, .channel_block = block});
    norm.set_weight("weight", gaussian({12}, 3).values);
    norm.set_weight("bias", gaussian({12}, 4).values);
    expect_gradients_match(norm, {.bound = 4e-3});
  }
}

TEST(GroupNorm, HasTheGradientsOfItsWeightsWhenXWantsNone) {
  const Plain x = gaussian({2, 4, 2, 2}, 1), dy = gaussian({2, 4, 2, 2}, 2);
  OneNode all("{type: group_norm, groups: 2}", {{"x", x}}, {.training = true});
  OneNode weights_only("{type: group_norm, groups: 2}", {{"x", x}}, {.training = true, .no_gradient = {"x"}});
  for (OneNode* norm : {&all, &weights_only}) {
    norm->forward();
    norm->backward({{"y", dy}});
  }
  EXPECT_EQ(all.d_weight("weight").values, weights_only.d_weight("weight").values);
  EXPECT_EQ(all.d_weight("bias").values, weights_only.d_weight("bias").values);
}

TEST(GroupNorm, AddsTheFramesOfAStep) {
  OneNode norm("{type: group_norm, groups: 2}", {{"x", gaussian({1, 4, 2, 2}, 1)}}, {.training = true});
  norm.forward();
  norm.backward({{"y", gaussian({1, 4, 2, 2}, 2)}});
  const std::vector<float> once = norm.d_weight("weight").values;
  norm.accumulate_again();
  const std::vector<float> twice = norm.d_weight("weight").values;
  for (std::size_t i = 0; i < once.size(); ++i) EXPECT_EQ(twice[i], 2 * once[i]);
}

TEST(GroupNorm, KeepsNothingFromTheStepBefore) {
  OneNode norm("{type: group_norm, groups: 2}", {{"x", gaussian({2, 4, 2, 2}, 1)}}, {.training = true});
  const Plain dy = gaussian({2, 4, 2, 2}, 2);
  norm.forward();
  norm.backward({{"y", dy}});
  const std::vector<float> dweight = norm.d_weight("weight").values, dbias = norm.d_weight("bias").values;
  norm.backward({{"y", dy}});
  EXPECT_EQ(norm.d_weight("weight").values, dweight);
  EXPECT_EQ(norm.d_weight("bias").values, dbias);
}

TEST(GroupNorm, StartsAsPlainNormalisation) {
  OneNode norm("{type: group_norm, groups: 1}", {{"x", gaussian({1, 2, 2, 2}, 1)}});
  EXPECT_EQ(norm.weight("weight").values, (std::vector<float>{1, 1}));
  EXPECT_EQ(norm.weight("bias").values, (std::vector<float>{0, 0}));
}

TEST(GroupNorm, RejectsChannelsThatDoNotDivideIntoGroups) {
  EXPECT_EQ(refusal("{type: group_norm}", {{"x", numbered({1, 30, 2, 2})}}),
            "test.yaml:1:1: node 'node' (group_norm): 'groups' is 32, which does not divide the 30 channels "
            "of 'x'");
}

TEST(GroupNorm, RejectsAShiftOfOtherChannels) {
  EXPECT_EQ(
      refusal("{type: group_norm, groups: 1}", {{"x", numbered({1, 2, 2, 2})}, {"shift", numbered({1, 3})}}),
      "test.yaml:1:1: node 'node' (group_norm): input 'shift' is [1,3], but input 'x' is [1,2,2,2]: C must "
      "be 2");
}

}  // namespace
}  // namespace dagfusion::tests
