#include <gtest/gtest.h>

#include <cmath>

#include "nodes/files/tensor_file.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

// Channel 0 holds 1, 3, 5, 7 over both images: mean 4, variance 5. Channel 1 is all alike, and comes out as its bias.
TEST(BatchNorm, NormalisesOverImagesAndPixels) {
  OneNode node("{type: batch_norm, statistics: frame}", {{"x", {{2, 2, 1, 2}, {1, 3, 9, 9, 5, 7, 9, 9}}}});
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

// Training: by the images at hand. The running averages, 2 and 1, go a tenth of the way to the mean, 4, and to the variance that
// is divided by one less than there are numbers, 20/3; each of two such frames in a step gives half of that.
TEST(BatchNorm, GathersRunningAveragesInTraining) {
  for (const int frames : {1, 2}) {
    OneNode node("{type: batch_norm}", {{"x", {{2, 1, 1, 2}, {1, 3, 5, 7}}}},
                 {.training = true, .batch_size = 2 * frames});
    node.set_weight("running_mean", {2});
    node.forward();
    EXPECT_NEAR(node.output("y").values[0], -3 / std::sqrt(5 + 1e-5), 1e-5);
    node.backward({{"y", numbered({2, 1, 1, 2})}});
    if (frames == 2) node.accumulate_again();
    EXPECT_NEAR(node.d_weight("running_mean").values[0], 0.1 * (4 - 2), 1e-6);
    EXPECT_NEAR(node.d_weight("running_var").values[0], 0.1 * (20 / 3.0 - 1), 1e-6);
  }
}

TEST(BatchNorm, NormalisesByRunningAveragesWhereNothingIsTrained) {
  OneNode node("{type: batch_norm, eps: 1.0e-3}", {{"x", {{1, 1, 1, 2}, {5, 7}}}});
  node.set_weight("running_mean", {3});
  node.set_weight("running_var", {4});
  node.forward();
  EXPECT_NEAR(node.output("y").values[0], 2 / std::sqrt(4.001), 1e-6);
  EXPECT_NEAR(node.output("y").values[1], 4 / std::sqrt(4.001), 1e-6);
}

// The gradients of a frame's own statistics, whether they are remembered or not.
TEST(BatchNorm, HasTheSameGradientsWithRunningAverages) {
  std::vector<std::vector<float>> found[2];
  for (const int running : {0, 1}) {
    OneNode node(std::string("{type: batch_norm, statistics: ") + (running ? "running}" : "frame}"),
                 {{"x", gaussian({3, 11, 4, 2}, 1)}}, {.training = true});
    node.forward();
    node.backward({{"y", gaussian({3, 11, 4, 2}, 2)}});
    found[running] = {node.output("y").values, node.d_input("x").values, node.d_weight("weight").values,
                      node.d_weight("bias").values};
  }
  EXPECT_EQ(found[0], found[1]);
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

std::string with_batch_norm(std::int64_t steps) {
  std::string yaml = small_training(steps, 2);
  const std::string dropout = "dropout: 0.1";
  yaml.replace(yaml.find(dropout), dropout.size(), "inside: {'**/norm2': {type: batch_norm, momentum: 0.5}}");
  return yaml;
}

// Trained by one thread, by two, and stopped and resumed: the same bytes. No optimiser knows the averages, but they have moved.
TEST(BatchNorm, KeepsRunningAveragesInTheCheckpointsOfARun) {
  const ScratchFolder one, two, resumed;
  run_in(one.path(), with_batch_norm(4), {1, 1, 1});
  run_in(two.path(), with_batch_norm(4), {2, 2, 4});
  run_in(resumed.path(), with_batch_norm(2));
  run_in(resumed.path(), with_batch_norm(4), {}, true);
  const std::filesystem::path last = step_name(4);
  const auto files = bytes_below(one.path() / last);
  EXPECT_EQ(differing(files, bytes_below(two.path() / last)), "");
  EXPECT_EQ(files.at("weights.safetensors"), bytes_below(resumed.path() / last).at("weights.safetensors"));
  const auto weights = open_tensor_file(one.path() / last / "weights.safetensors");
  const std::string path = "model/mid/block0/norm2.";
  for (const float mean : weights->read(path + "running_mean")) EXPECT_NE(mean, 0);
  for (const float var : weights->read(path + "running_var")) EXPECT_NE(var, 1);
  const auto state = open_tensor_file(one.path() / last / "adam.update.safetensors");
  EXPECT_TRUE(state->tensors().contains(path + "weight.m"));
  EXPECT_FALSE(state->tensors().contains(path + "running_mean.m"));
}

}  // namespace
}  // namespace dagfusion::tests
