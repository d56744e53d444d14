#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

std::string yaml(std::int64_t channels) {
  return "{type: linear, channels: " + std::to_string(channels) + "}";
}

// weight = 1 2 3    x = 1 0 -1    y[0] = 10 + 1 - 3 = 8, y[1] = 20 + 4 - 6 = 18
//          4 5 6
TEST(Linear, TakesWeightedSums) {
  OneNode node(yaml(2), {{"x", {{1, 3}, {1, 0, -1}}}});
  node.set_weight("weight", {1, 2, 3, 4, 5, 6});
  node.set_weight("bias", {10, 20});
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{8, 18}));
}

TEST(Linear, GivesWhatTheFormulaSays) {
  for (const int block : {8, 16}) {
    for (const auto& [rows, in, out] :
         {std::tuple{1, 1, 1}, {2, 3, 5}, {4, 8, 8}, {7, 12, 30}, {3, 16, 17}, {5, 40, 24}, {8, 512, 256}}) {
      SCOPED_TRACE(to_string(Shape{rows, in, out}) + " block " + std::to_string(block));
      const Plain x = gaussian({rows, in}, 1);
      OneNode node(yaml(out), {{"x", x}}, {.channel_block = block});
      node.set_weight("bias", gaussian({out}, 2).values);
      node.forward();
      const Plain weight = node.weight("weight"), bias = node.weight("bias"), y = node.output("y");
      ASSERT_EQ(y.shape, (Shape{rows, out}));
      for (int n = 0; n < rows; ++n) {
        for (int o = 0; o < out; ++o) {
          double sum = bias.values[o];
          for (int i = 0; i < in; ++i) sum += double{x.values[n * in + i]} * weight.values[o * in + i];
          ASSERT_NEAR(y.values[n * out + o], sum, 1e-5);
        }
      }
    }
  }
}

TEST(Linear, GradientsMatchDifferences) {
  for (const int block : {8, 16}) {
    for (const auto& [rows, in, out] :
         {std::tuple{1, 1, 1}, {2, 3, 5}, {4, 8, 8}, {7, 12, 30}, {3, 16, 17}, {5, 40, 24}}) {
      SCOPED_TRACE(to_string(Shape{rows, in, out}) + " block " + std::to_string(block));
      OneNode node(yaml(out), {{"x", gaussian({rows, in}, 1)}}, {.training = true, .channel_block = block});
      expect_gradients_match(node, {.h = 0.25, .bound = 1e-3});
    }
  }
}

TEST(Linear, WorksWithoutBias) {
  OneNode node("{type: linear, channels: 5, bias: false}", {{"x", gaussian({2, 3}, 1)}}, {.training = true});
  node.set_weight("weight", std::vector<float>(15, 1));
  expect_gradients_match(node, {.h = 0.25, .bound = 1e-3});
  const std::vector<float> x = gaussian({2, 3}, 1).values;
  EXPECT_NEAR(node.output("y").values[0], x[0] + x[1] + x[2], 1e-6);
}

TEST(Linear, ARowHasTheSameBitsHoweverManyThereAre) {
  for (const auto& [in, out] : {std::pair{512, 256}, {33, 20}}) {
    const Plain x = gaussian({17, in}, 1), dy = gaussian({17, out}, 2);
    const auto first_rows = [](const Plain& from, std::int64_t rows) {
      return Plain{{rows, from.shape[1]}, {from.values.begin(), from.values.begin() + rows * from.shape[1]}};
    };
    OneNode all(yaml(out), {{"x", x}}, {.training = true});
    all.forward();
    all.backward({{"y", dy}});
    for (int rows = 1; rows <= 17; ++rows) {
      OneNode some(yaml(out), {{"x", first_rows(x, rows)}}, {.training = true});
      some.forward();
      some.backward({{"y", first_rows(dy, rows)}});
      ASSERT_EQ(some.output("y").values, first_rows(all.output("y"), rows).values) << rows << " rows";
      ASSERT_EQ(some.d_input("x").values, first_rows(all.d_input("x"), rows).values) << rows << " rows";
    }
  }
}

TEST(Linear, TheGradientHasTheSameBitsHoweverTheBatchIsCut) {
  const Plain both = gaussian({2, 12}, 1), dy = gaussian({1, 20}, 2);
  Plain dys = {{2, 20}, dy.values};
  dys.values.insert(dys.values.end(), dy.values.begin(), dy.values.end());
  OneNode together(yaml(20), {{"x", both}}, {.training = true});
  together.forward();
  together.backward({{"y", dys}});

  OneNode apart(yaml(20), {{"x", {{1, 12}, {both.values.begin(), both.values.begin() + 12}}}},
                {.training = true});
  apart.forward();
  apart.backward({{"y", dy}});
  apart.set_input("x", {both.values.begin() + 12, both.values.end()});
  apart.forward();
  apart.accumulate_again();
  EXPECT_EQ(apart.d_weight("weight").values, together.d_weight("weight").values);
  EXPECT_EQ(apart.d_weight("bias").values, together.d_weight("bias").values);
}

// 20 of 24 outputs: what fills up the last block must stay zero in the weight and in its gradient.
TEST(Linear, FillingStaysZero) {
  OneNode node(yaml(20), {{"x", gaussian({3, 12}, 1)}}, {.training = true});
  node.forward();
  node.backward({{"y", gaussian({3, 20}, 2)}});
  const WeightTable& table = node.run().weights();
  const WeightSpec& weight = table.weights()[table.find("node.weight")];
  ASSERT_EQ(weight.elements(), 24u * 12u);
  const std::span<float> sums = node.run().gradients(), values = node.run().values().values();
  for (std::size_t at = 2 * 12 * 8; at < weight.elements(); ++at) {
    if (at % 8 < 4) continue;  // outputs 16 to 19
    EXPECT_EQ(sums[weight.offset + at], 0);
    EXPECT_EQ(values[weight.offset + at], 0);
  }
}

// fan in + fan out = 24, so weights start in +-sqrt(6 / 24) = +-0.5.
TEST(Linear, StartsWithGlorotsWeights) {
  OneNode node(yaml(16), {{"x", numbered({1, 8})}});
  float largest = 0;
  for (const float w : node.weight("weight").values) largest = std::max(largest, std::abs(w));
  EXPECT_LE(largest, 0.5);
  EXPECT_GE(largest, 0.45);
  EXPECT_EQ(node.weight("bias").values, std::vector<float>(16, 0));
}

TEST(Linear, CountsItsMultiplyAdds) {
  OneNode node(yaml(5), {{"x", numbered({2, 12})}});
  EXPECT_EQ(node.multiply_adds(), 2 * 5 * 12);
}

TEST(Linear, RefusesWhatItCannotDo) {
  EXPECT_EQ(refusal("{type: linear, channels: 0}", {{"x", numbered({1, 8})}}),
            "test.yaml:1:26: node 'node' (linear): 'channels' is 0; it must be between 1 and 65536");
  EXPECT_EQ(refusal("{type: linear}", {{"x", numbered({1, 8})}}),
            "test.yaml:1:1: node 'node' (linear): 'channels' is missing; it is required (length of y)");
  EXPECT_EQ(refusal("{type: linear, channels: 4}", {{"x", numbered({1, 8, 2, 2})}}),
            "test.yaml:1:1: node 'node' (linear): input 'x' is [1,8,2,2], but takes [N,I], 2 sides");
}

}  // namespace
}  // namespace dagfusion::tests
