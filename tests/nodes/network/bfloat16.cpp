// Nodes with bfloat16 activations, beside the same nodes in float32 on inputs that bfloat16 can hold.
#include "graph/values/bfloat16.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nodes/dnnl/engine.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

Plain rounded(Plain p) {
  for (float& v : p.values) v = to_float(to_bfloat16(v));
  return p;
}

struct Pair {
  std::string yaml;
  std::map<std::string, Plain> halves, floats;  // inputs

  OneNode made(bool half) const {
    OneNodeOptions options{.training = true, .channel_block = 16, .half = half};
    std::map<std::string, Plain> inputs = floats;
    for (const auto& [port, value] : halves) {
      inputs[port] = rounded(value);
      options.blocked.push_back(port);
      if (half) options.dtypes[port] = DType::bf16;
    }
    return OneNode(yaml, inputs, options);
  }
};

// Both nodes, forward and backward, with weights that bfloat16 can hold. A difference of up
// to `slack` of the largest value is allowed on top of the rounding: sums are taken in another order.
void expect_alike(const Pair& pair, const std::vector<std::string>& weights = {}, double slack = 0) {
  OneNode exact = pair.made(false), half = pair.made(true);
  for (const std::string& w : weights) {
    const Plain value = rounded(gaussian(exact.weight(w).shape, 77));
    exact.set_weight(w, value.values);
    half.set_weight(w, value.values);
  }
  const auto compare = [&](const Plain& a, const Plain& b, bool is_half, const std::string& what) {
    double largest = 0;
    for (const float v : b.values) largest = std::max(largest, std::abs(double{v}));
    ASSERT_GT(largest, 0) << what;
    for (std::size_t i = 0; i < b.values.size(); ++i) {
      if (slack == 0) {
        ASSERT_EQ(a.values[i], is_half ? to_float(to_bfloat16(b.values[i])) : b.values[i])
            << what << " " << i;
      } else {
        const double rounding = is_half ? 0x1p-8 * std::abs(b.values[i]) : 0;
        ASSERT_NEAR(a.values[i], b.values[i], rounding + slack * largest) << what << " " << i;
      }
    }
  };
  exact.forward(), half.forward();
  std::map<std::string, Plain> d;
  for (const Port& p : exact.type().outputs) {
    ASSERT_EQ(half.output_spec(p.name).dtype, DType::bf16);
    compare(half.output(p.name), exact.output(p.name), true, p.name);
    d[p.name] = rounded(gaussian(exact.output(p.name).shape, 5));
  }
  exact.backward(d), half.backward(d);
  for (const auto& [port, value] : pair.halves)
    if (exact.wants(port)) compare(half.d_input(port), exact.d_input(port), true, "d(" + port + ")");
  for (const auto& [port, value] : pair.floats)
    if (exact.wants(port)) compare(half.d_input(port), exact.d_input(port), false, "d(" + port + ")");
  for (const std::string& w : weights) compare(half.d_weight(w), exact.d_weight(w), false, "d(" + w + ")");
}

TEST(Half, ElementwiseNodesRoundOnceAtTheEnd) {
  for (const Shape& shape : {Shape{2, 16, 3, 5}, Shape{1, 40, 8, 9}, Shape{3, 4, 2, 2}}) {
    const Plain a = gaussian(shape, 1), b = gaussian(shape, 2);
    expect_alike({"{type: add}", {{"a", a}, {"b", b}}, {}});
    expect_alike({"{type: silu}", {{"x", a}}, {}});
    expect_alike({"{type: dropout, rate: 0.3}", {{"x", a}}, {}});
    expect_alike({"{type: nearest_upsample}", {{"x", a}}, {}});
    expect_alike({"{type: concat}", {{"a", a}, {"b", b}}, {}});
  }
}

TEST(Half, PoolsRoundOnceAtTheEnd) {
  for (const Shape& shape : {Shape{2, 16, 4, 6}, Shape{1, 40, 8, 10}, Shape{3, 4, 2, 2}})
    for (const char* pool : {"{type: average_pool}", "{type: average_pool, kernel: 2, stride: 1, padding: 1}",
                             "{type: max_pool}", "{type: max_pool, kernel: 2, stride: 1, padding: 1}"})
      expect_alike({pool, {{"x", gaussian(shape, 1)}}, {}});
}

TEST(Half, GroupNormComputesInFloat32) {
  for (const auto& [channels, groups] : {std::pair{32, 8}, {24, 3}, {64, 2}, {48, 16}, {16, 1}})
    for (const bool silu : {false, true})
      expect_alike(
          {"{type: group_norm, groups: " + std::to_string(groups) + ", silu: " + (silu ? "true}" : "false}"),
           {{"x", gaussian({2, channels, 5, 4}, 1)}},
           {{"shift", gaussian({2, channels}, 2)}}},
          {"weight", "bias"});
}

Pair attention(int channels, int heads, int width) {
  return {"{type: attention, heads: " + std::to_string(heads) + "}",
          {{"q", gaussian({2, channels, 4, width}, 1)},
           {"k", gaussian({2, channels, 4, width}, 2)},
           {"v", gaussian({2, channels, 4, width}, 3)}},
          {}};
}

TEST(Half, AttentionComputesInFloat32WhereHeadsAreNoWholeBlocks) {
  for (const auto& [channels, heads] : {std::pair{24, 2}, {48, 4}})
    expect_alike(attention(channels, heads, 4));
}

// Between two products weights are rounded, as PyTorch does.
TEST(Half, AttentionRoundsItsWeightsToBFloat16) {
  if (!bfloat16_available()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  for (const auto& [channels, heads] : {std::pair{32, 1}, {24, 1}, {32, 2}, {128, 4}})
    for (const int width : {4, 10}) expect_alike(attention(channels, heads, width), {}, 0x1p-8);
}

TEST(Half, ConvolutionsSumExactProductsInFloat32) {
  if (!bfloat16_available()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  const std::vector<std::string> weights = {"weight", "bias"};
  const auto conv = [](int channels, const std::string& more) {
    return "{type: conv2d, channels: " + std::to_string(channels) + more + "}";
  };
  expect_alike({conv(48, ""), {{"x", gaussian({2, 32, 6, 5}, 1)}}, {}}, weights, 1e-5);
  expect_alike({conv(24, ""), {{"x", gaussian({1, 20, 8, 8}, 1)}}, {}}, weights, 1e-5);
  expect_alike(
      {conv(32, ", kernel: 1"), {{"x", gaussian({2, 80, 4, 4}, 1)}, {"add", gaussian({2, 32, 4, 4}, 2)}}, {}},
      weights, 1e-5);
  expect_alike({conv(32, ", stride: 2, padding: end"), {{"x", gaussian({2, 16, 8, 8}, 1)}}, {}}, weights,
               1e-5);
  expect_alike({conv(16, ", stride: 2"), {{"x", gaussian({1, 32, 9, 7}, 1)}}, {}}, weights, 1e-5);
}

// The first convolution's image stays float32; what it gives is rounded.
TEST(Half, TheFirstConvolutionReadsFloat32) {
  if (!bfloat16_available()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  const Plain x = gaussian({3, 3, 6, 6}, 1);
  expect_alike({"{type: conv2d, channels: 20}", {}, {{"x", x}}}, {"weight", "bias"}, 1e-5);
  expect_alike({"{type: conv2d, channels: 16}", {{"add", gaussian({3, 16, 6, 6}, 2)}}, {{"x", x}}},
               {"weight", "bias"}, 1e-5);
}

}  // namespace
}  // namespace dagfusion::tests
