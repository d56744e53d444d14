#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

std::string yaml(std::int64_t heads) { return "{type: attention, heads: " + std::to_string(heads) + "}"; }

// Two pixels of one channel, so sqrt(D) = 1. The first query is 0: both scores are 0, its weights are 1/2 and
// 1/2 and it gets (4 + 8) / 2 = 6. The second is ln 3: its scores are 0 and ln 3, its weights 1/4 and 3/4, it
// gets 1 + 6 = 7.
TEST(Attention, TakesWeightedMeans) {
  OneNode node(yaml(1), {{"q", {{1, 1, 1, 2}, {0, std::log(3.0f)}}},
                         {"k", {{1, 1, 1, 2}, {0, 1}}},
                         {"v", {{1, 1, 1, 2}, {4, 8}}}});
  node.forward();
  EXPECT_NEAR(node.output("y").values[0], 6, 1e-5);
  EXPECT_NEAR(node.output("y").values[1], 7, 1e-5);
}

struct Case {
  std::int64_t images, channels, height, width, heads = 1;
};

// Weights are kept for backward() while heads * pixels <= 4 * channels: there are cases on both sides.
const Case kCases[] = {{1, 1, 1, 1},     {2, 3, 2, 3},     {1, 8, 4, 4},     {2, 12, 3, 5},
                       {1, 8, 5, 7},     {1, 30, 4, 4},    {2, 16, 4, 4, 2}, {1, 32, 3, 3, 4},
                       {1, 12, 3, 3, 3}, {2, 24, 5, 5, 2}, {1, 40, 8, 8, 5}, {1, 20, 4, 6, 10}};

std::string name_of(const Case& c) {
  return to_string(Shape{c.images, c.channels, c.height, c.width}) + " heads " + std::to_string(c.heads);
}

std::map<std::string, Plain> inputs(const Case& c) {
  const Shape shape = {c.images, c.channels, c.height, c.width};
  return {{"q", gaussian(shape, 1)}, {"k", gaussian(shape, 2)}, {"v", gaussian(shape, 3)}};
}

// The formula, in double precision.
std::vector<double> attended(const Case& c, const std::map<std::string, Plain>& in) {
  const std::int64_t pixels = c.height * c.width, depth = c.channels / c.heads;
  const auto at = [&](const char* port, std::int64_t n, std::int64_t channel, std::int64_t p) {
    return double{in.at(port).values[(n * c.channels + channel) * pixels + p]};
  };
  std::vector<double> y(c.images * c.channels * pixels);
  for (std::int64_t n = 0; n < c.images; ++n) {
    for (std::int64_t h = 0; h < c.heads; ++h) {
      for (std::int64_t i = 0; i < pixels; ++i) {
        std::vector<double> w(pixels);
        double sum = 0;
        for (std::int64_t j = 0; j < pixels; ++j) {
          double score = 0;
          for (std::int64_t d = h * depth; d < (h + 1) * depth; ++d)
            score += at("q", n, d, i) * at("k", n, d, j);
          sum += w[j] = std::exp(score / std::sqrt(static_cast<double>(depth)));
        }
        for (std::int64_t d = h * depth; d < (h + 1) * depth; ++d) {
          for (std::int64_t j = 0; j < pixels; ++j) {
            y[(n * c.channels + d) * pixels + i] += w[j] / sum * at("v", n, d, j);
          }
        }
      }
    }
  }
  return y;
}

TEST(Attention, GivesWhatTheFormulaSays) {
  for (const int block : {8, 16}) {
    for (const Case& c : kCases) {
      for (const bool training : {false, true}) {
        SCOPED_TRACE(name_of(c) + " block " + std::to_string(block));
        OneNode node(yaml(c.heads), inputs(c), {.training = training, .channel_block = block});
        node.forward();
        const std::vector<double> expected = attended(c, inputs(c));
        const Plain y = node.output("y");
        ASSERT_EQ(y.values.size(), expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(y.values[i], expected[i], 1e-5);
      }
    }
  }
}

TEST(Attention, GradientsMatchDifferences) {
  for (const int block : {8, 16}) {
    for (const Case& c : kCases) {
      SCOPED_TRACE(name_of(c) + " block " + std::to_string(block));
      OneNode node(yaml(c.heads), inputs(c), {.training = true, .channel_block = block});
      expect_gradients_match(node, {.h = 1e-2, .bound = 2e-3, .most_elements = 20});
    }
  }
}

TEST(Attention, WritesOnlyTheGradientsThatAreWanted) {
  const Case c = {1, 16, 3, 3, 2};
  const Plain dy = gaussian({1, 16, 3, 3}, 4);
  OneNode all(yaml(2), inputs(c), {.training = true});
  all.forward();
  all.backward({{"y", dy}});
  for (const std::string only : {"q", "k", "v"}) {
    std::vector<std::string> others;
    for (const std::string port : {"q", "k", "v"}) {
      if (port != only) others.push_back(port);
    }
    OneNode one(yaml(2), inputs(c), {.training = true, .no_gradient = others});
    one.forward();
    one.backward({{"y", dy}});
    EXPECT_EQ(one.d_input(only).values, all.d_input(only).values) << only;
  }
}

// Scores of some +-10,000 would overflow exp(); the largest takes all the weight.
TEST(Attention, LargeScoresStayFinite) {
  const Shape shape = {1, 1, 1, 2};
  OneNode node(yaml(1), {{"q", {shape, {100, -100}}}, {"k", {shape, {100, -100}}}, {"v", {shape, {1, 2}}}},
               {.training = true});
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{1, 2}));
  node.backward({{"y", {shape, {1, 1}}}});
  EXPECT_EQ(node.d_input("q").values, (std::vector<float>{0, 0}));
  EXPECT_EQ(node.d_input("v").values, (std::vector<float>{1, 1}));
}

TEST(Attention, AnImageHasTheSameBitsWhateverIsBesideIt) {
  const Case c = {3, 16, 4, 5, 2};
  const std::map<std::string, Plain> in = inputs(c);
  OneNode all(yaml(2), in);
  all.forward();
  const std::vector<float> y = all.output("y").values;
  const std::size_t size = y.size() / 3;
  for (int n = 0; n < 3; ++n) {
    std::map<std::string, Plain> one_in;
    for (const auto& [port, plain] : in) {
      one_in[port] = {{1, 16, 4, 5},
                      {plain.values.begin() + n * size, plain.values.begin() + (n + 1) * size}};
    }
    OneNode one(yaml(2), one_in);
    one.forward();
    EXPECT_EQ(one.output("y").values, std::vector<float>(y.begin() + n * size, y.begin() + (n + 1) * size));
  }
}

TEST(Attention, CountsItsMultiplyAdds) {
  OneNode node(yaml(1), inputs({2, 8, 3, 3}));
  EXPECT_EQ(node.multiply_adds(), 2 * 2 * 8 * 9 * 9);
}

TEST(Attention, RefusesWhatItCannotDo) {
  EXPECT_EQ(
      refusal(yaml(3), inputs({1, 16, 2, 2})),
      "test.yaml:1:26: node 'node' (attention): 'heads' is 3, which does not divide the 16 channels of 'q'");
  EXPECT_EQ(refusal(yaml(0), inputs({1, 16, 2, 2})),
            "test.yaml:1:26: node 'node' (attention): 'heads' is 0; it must be between 1 and 1024");
  std::map<std::string, Plain> in = inputs({1, 16, 2, 2});
  in["k"] = numbered({1, 8, 2, 2});
  EXPECT_EQ(refusal(yaml(1), in),
            "test.yaml:1:1: node 'node' (attention): input 'k' is [1,8,2,2], but input 'q' is [1,16,2,2]: C "
            "must be 16");
}

}  // namespace
}  // namespace dagfusion::tests
