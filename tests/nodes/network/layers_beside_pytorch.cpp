// Layers of networks of features beside PyTorch's, forward and backward: golden/layers.py wrote what is compared.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/fixtures/golden.h"

namespace dagfusion::tests {
namespace {

struct Case {
  const char *name, *yaml;
};

constexpr Case kCases[] = {
    {"conv_1x7", "{type: conv2d, channels: 9, kernel: 1, kernel_width: 7}"},
    {"conv_7x1", "{type: conv2d, channels: 9, kernel: 7, kernel_width: 1}"},
    {"conv_5x5", "{type: conv2d, channels: 9, kernel: 5}"},
    {"conv_1x3", "{type: conv2d, channels: 9, kernel: 1, kernel_width: 3}"},
    {"conv_3x1", "{type: conv2d, channels: 9, kernel: 3, kernel_width: 1}"},
    {"conv_none", "{type: conv2d, channels: 9, kernel: 3, stride: 2, padding: none}"},
    {"depthwise", "{type: depthwise_conv2d, kernel: 3, stride: 2}"},
    {"batch_norm", "{type: batch_norm, statistics: frame}"},
    {"max_pool", "{type: max_pool, kernel: 3, stride: 2, padding: 1}"},
    {"mean_pool", "{type: average_pool, kernel: 3, stride: 1, padding: 1}"},
    {"mean_pool_inside", "{type: average_pool, kernel: 3, stride: 1, padding: 1, count_padding: false}"},
    {"relu", "{type: relu}"},
    {"relu6", "{type: relu, maximum: 1}"},
};

constexpr double kAgrees = 1e-5;

TEST(LayersBesidePyTorch, GiveTheSameForwardAndBackward) {
  const auto golden = read_golden("layers.safetensors");
  for (const Case& c : kCases)
    for (const int block : {8, 16}) {
      SCOPED_TRACE(fmt::format("{} in blocks of {}", c.name, block));
      const auto at = [&](const std::string& name) { return golden.at(fmt::format("{}/{}", c.name, name)); };
      OneNode node(c.yaml, {{"x", at("x")}}, {.training = true, .channel_block = block});
      for (const char* weight : {"weight", "bias"})
        if (golden.contains(fmt::format("{}/{}", c.name, weight))) node.set_weight(weight, at(weight).values);
      node.forward();
      EXPECT_EQ(node.output("y").shape, at("y").shape);
      EXPECT_LE(relative_error(node.output("y").values, at("y").values), kAgrees);
      node.backward({{"y", at("dy")}});
      EXPECT_LE(relative_error(node.d_input("x").values, at("dx").values), kAgrees);
      for (const char* weight : {"weight", "bias"})
        if (golden.contains(fmt::format("{}/{}", c.name, weight))) {
          EXPECT_LE(relative_error(node.d_weight(weight).values, at(std::string("d") + weight).values),
                    kAgrees)
              << weight;
        }
    }
}

// Running averages go a fifth of the way to what a step gave; what is not trained is normalised by them.
TEST(LayersBesidePyTorch, KeepTheSameRunningAverages) {
  const auto golden = read_golden("layers.safetensors");
  const auto at = [&](const std::string& name) { return golden.at("batch_norm_running/" + name); };
  std::vector<float> mean = at("running_mean").values, var = at("running_var").values;
  const auto go = [](std::vector<float>& from, const std::vector<float>& way) {
    for (std::size_t i = 0; i < from.size(); ++i) from[i] += way[i];
  };
  const auto made = [&](int step, bool training) {
    OneNode node("{type: batch_norm, momentum: 0.2}", {{"x", at(fmt::format("x{}", step))}},
                 {.training = training});
    node.set_weight("weight", at("weight").values);
    node.set_weight("bias", at("bias").values);
    node.set_weight("running_mean", mean);
    node.set_weight("running_var", var);
    node.forward();
    if (training) {
      node.backward({{"y", at(fmt::format("y{}", step))}});
      go(mean, node.d_weight("running_mean").values);
      go(var, node.d_weight("running_var").values);
    }
    return node.output("y").values;
  };
  for (const int step : {0, 1}) {
    EXPECT_LE(relative_error(made(step, true), at(fmt::format("y{}", step)).values), kAgrees);
    EXPECT_LE(relative_error(mean, at(fmt::format("mean{}", step)).values), kAgrees);
    EXPECT_LE(relative_error(var, at(fmt::format("var{}", step)).values), kAgrees);
  }
  EXPECT_LE(relative_error(made(1, false), at("kept").values), kAgrees);
}

}  // namespace
}  // namespace dagfusion::tests
