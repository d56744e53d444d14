#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

TEST(WeightAverage, StartsAsACopyAndThenMovesByTheDecay) {
  StepRun run;
  StepNode node(run, "{type: weight_average, decay: 0.75}");
  run.set("model/b", {8, 4, 0, -4, 1});
  node.run(1);
  EXPECT_EQ(node.output("decay"), 0);
  EXPECT_EQ(node.state().at("model/b"), (std::vector<float>{8, 4, 0, -4, 1}));
  run.set("model/b", {4, 4, 4, 4, 1});
  node.run(2);
  EXPECT_EQ(node.output("decay"), 0.75f);
  EXPECT_EQ(node.state().at("model/b"), (std::vector<float>{7, 4, 1, -2, 1}));  // 0.75 * old + 0.25 * new
}

TEST(WeightAverage, HasWeightsThatAddUpToOne) {
  // Weights that swing around 1: so does their average in float64, and it must not end nearer to 0.
  for (const double decay : {0.999, 0.9999, 0.99999}) {
    StepRun run;
    StepNode node(run, fmt::format("{{type: weight_average, decay: {}}}", decay));
    double average = 0;
    for (int update = 1; update <= 30000; ++update) {
      const auto weight = static_cast<float>(1 + 0.5 * std::sin(0.7 * update));
      run.set("model/b", std::vector<float>(5, weight));
      node.run(update);
      average = update == 1 ? weight : decay * average + (1 - decay) * weight;
    }
    EXPECT_NEAR(node.state().at("model/b")[0] / average, 1, 1e-5) << "decay " << decay;
  }
}

TEST(WeightAverage, LeavesTheLiveWeightsAlone) {
  StepRun run;
  StepNode node(run, "{type: weight_average}");
  run.set("model/a", {1, 2, 3, 4, 5, 6});
  node.run(1);
  node.run(2);
  EXPECT_EQ(run.get("model/a"), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(WeightAverage, WarmsUpByThePowerRule) {
  // diffusers' EMA with use_ema_warmup, power 0.75, inv_gamma 1.
  const std::map<int, float> golden = {{1, 0},          {2, .405396f},    {10, .822172f},
                                       {100, .968377f}, {1000, .994377f}, {10000, .999f}};
  StepRun run;
  StepNode node(run, "{type: weight_average, warmup: power, power: 0.75, inv_gamma: 1}");
  for (int update = 1; update <= 10000; ++update) {
    node.run(update);
    if (!golden.count(update)) continue;
    EXPECT_NEAR(node.output("decay"), golden.at(update), 1e-6) << "update " << update;
  }
}

TEST(WeightAverage, WarmsUpAsEmaPytorchDoes) {
  // Its steps 102, 111, 1101 and 10101: it copies for a hundred and one, and counts from there.
  const std::map<int, double> golden = {
      {1, 0}, {2, .3700394751}, {11, .7978199918}, {1001, .9900066611}, {10001, .995}};
  StepRun run;
  StepNode node(run, "{type: weight_average, warmup: power, power: 0.66666666666666667, decay: 0.995}");
  for (int update = 1; update <= 10001; ++update) {
    node.run(update);
    if (golden.count(update)) {
      EXPECT_NEAR(node.output("decay"), golden.at(update), 4e-8) << update;
    }
  }
}

TEST(WeightAverage, WarmsUpByTheImagesSeenAsEdmDoes) {
  // Batches of 4 here, of 512 there: half lives in images are 128 times as short. After 512, 51200 and 1e6 images.
  const std::map<int, double> golden = {{2, 9.536743164e-7}, {101, .8705505633}};
  StepRun run;
  StepNode node(run, "{type: weight_average, warmup: images, half_life: 3906.25, decay: 1}");
  for (int update = 1; update <= 20000; ++update) {
    node.run(update);
    if (golden.count(update)) {
      EXPECT_NEAR(node.output("decay"), golden.at(update), 4e-8) << update;
    }
  }
  EXPECT_NEAR(node.output("decay"), .9992904691, 4e-8);
}

TEST(WeightAverage, WarmsUpNoFurtherThanTheDecay) {
  StepRun run;
  StepNode node(run, "{type: weight_average, warmup: power, decay: 0.5}");
  for (int update = 1; update <= 3; ++update) node.run(update);
  EXPECT_EQ(node.output("decay"), 0.5f);  // 1 - 3^-0.75 = 0.56
}

TEST(WeightAverage, HandsOutPackedCopiesThatAreFresh) {
  StepRun run;
  StepNode node(run, "{type: weight_average, decay: 0.5}");
  run.set("model/b", {1, 2, 3, 4, 5});
  node.run(1);
  EXPECT_EQ(run.packed_b(node.source().weights()), (std::vector<float>{2, 4, 6, 8, 10}));
  run.set("model/b", {3, 2, 3, 4, 5});
  node.run(2);
  EXPECT_EQ(run.packed_b(node.source().weights()), (std::vector<float>{4, 4, 6, 8, 10}));
}

TEST(WeightAverage, GoesOnWithItsScheduleAfterResuming) {
  StepRun run;
  const std::string yaml = "{type: weight_average, warmup: power}";
  StepNode node(run, yaml), resumed(run, yaml);
  run.set("model/b", {1, 2, 3, 4, 5});
  for (int update = 1; update <= 9; ++update) node.run(update);
  const std::vector<StateTensor> from = node.ordered().state(), to = resumed.ordered().state();
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(count_of(from[i].shape)) * size_of(from[i].dtype));
    from[i].save(bytes.data());
    to[i].load(bytes.data());
  }
  EXPECT_EQ(run.packed_b(resumed.source().weights()), (std::vector<float>{2, 4, 6, 8, 10}));
  resumed.run(10);
  EXPECT_NEAR(resumed.output("decay"), .822172, 1e-6);
}

TEST(WeightAverage, RefusesADecayAboveOne) {
  StepRun run;
  EXPECT_EQ(thrown([&] { StepNode(run, "{type: weight_average, decay: 1.5}"); }),
            "test.yaml:1:31: node 'node' (weight_average): 'decay' is 1.5; it must be between 0 and 1");
}

TEST(WeightAverage, RefusesAnUnknownWarmup) {
  StepRun run;
  EXPECT_EQ(thrown([&] { StepNode(run, "{type: weight_average, warmup: powr}"); }),
            "test.yaml:1:32: node 'node' (weight_average): 'warmup' is 'powr'; did you mean 'power'?");
}

}  // namespace
}  // namespace dagfusion::tests
