#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

std::string yaml(std::int64_t channels, int kernel = 3, int stride = 1, bool end = false) {
  return "{type: conv2d, channels: " + std::to_string(channels) + ", kernel: " + std::to_string(kernel) +
         ", stride: " + std::to_string(stride) + (end ? ", padding: end}" : "}");
}

// The formula, in double precision.
Plain convolved(const Plain& x, const Plain& weight, const Plain& bias, const Plain& add, const Plain& like,
                int stride, int before) {
  Plain y{like.shape, {}};
  for (std::int64_t n = 0; n < y.shape[0]; ++n) {
    for (std::int64_t k = 0; k < y.shape[1]; ++k) {
      for (std::int64_t p = 0; p < y.shape[2]; ++p) {
        for (std::int64_t q = 0; q < y.shape[3]; ++q) {
          double sum = bias.values.empty() ? 0 : bias.values[k];
          if (!add.values.empty()) sum += add.values[y.values.size()];
          for (std::int64_t i = 0; i < x.shape[1]; ++i) {
            for (std::int64_t r = 0; r < weight.shape[2]; ++r) {
              for (std::int64_t s = 0; s < weight.shape[3]; ++s) {
                const std::int64_t h = p * stride + r - before, w = q * stride + s - before;
                if (h < 0 || w < 0 || h >= x.shape[2] || w >= x.shape[3]) continue;
                sum += double{x.values[((n * x.shape[1] + i) * x.shape[2] + h) * x.shape[3] + w]} *
                       weight.values[((k * x.shape[1] + i) * weight.shape[2] + r) * weight.shape[3] + s];
              }
            }
          }
          y.values.push_back(static_cast<float>(sum));
        }
      }
    }
  }
  return y;
}

void expect_near(const Plain& a, const Plain& b, double bound) {
  ASSERT_EQ(a.shape, b.shape);
  for (std::size_t i = 0; i < a.values.size(); ++i)
    ASSERT_NEAR(a.values[i], b.values[i], bound) << "element " << i;
}

// x = 0 1 2    With a kernel of ones and a bias of 1, each pixel becomes the sum of its neighbourhood plus 1:
//     3 4 5    at the corner 0 + 1 + 3 + 4 + 1 = 9, at the middle of the left side 0 + 1 + 3 + 4 + 6 + 7 + 1
//     = 22, 6 7 8    in the middle 0 + ... + 8 + 1 = 37.
TEST(Conv2d, SumsTheNeighbourhoodOfEveryPixel) {
  OneNode node(yaml(1), {{"x", numbered({1, 1, 3, 3})}});
  node.set_weight("weight", std::vector<float>(9, 1));
  node.set_weight("bias", {1});
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{9, 16, 13, 22, 37, 28, 21, 34, 25}));
}

// x = 0 .. 15, four by four. The first window covers rows and columns 0 to 2: 0+1+2+4+5+6+8+9+10 = 45. The
// last begins at row and column 2 and hangs over at the end: 10 + 11 + 14 + 15 = 50.
TEST(Conv2d, PadsAtTheEndOnly) {
  OneNode node(yaml(1, 3, 2, true), {{"x", numbered({1, 1, 4, 4})}});
  node.set_weight("weight", std::vector<float>(9, 1));
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{45, 39, 66, 50}));
}

TEST(Conv2d, AddsTheOtherFeatureMaps) {
  OneNode node(yaml(2, 1), {{"x", numbered({1, 1, 1, 2})}, {"add", {{1, 2, 1, 2}, {10, 20, 30, 40}}}});
  node.set_weight("weight", {2, 3});  // y[0] = 2 * (0, 1) + (10, 20), y[1] = 3 * (0, 1) + (30, 40)
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{10, 22, 30, 43}));
}

struct Case {
  std::int64_t images, in, out, height, width;
  int kernel = 3, stride = 1;
  bool end = false;
};

const Case kCases[] = {{2, 1, 5, 7, 6},
                       {2, 2, 8, 6, 7},
                       {1, 3, 16, 8, 8},
                       {1, 4, 12, 5, 5},
                       {2, 5, 3, 6, 6},
                       {2, 12, 30, 5, 9},
                       {1, 16, 24, 8, 8},
                       {3, 30, 12, 4, 4},
                       {1, 8, 8, 1, 1},
                       {1, 40, 1, 6, 6},
                       {2, 16, 8, 8, 8, 3, 2},
                       {2, 12, 5, 7, 9, 3, 2},
                       {1, 3, 8, 8, 8, 3, 2},
                       {2, 16, 8, 8, 8, 3, 2, true},
                       {1, 12, 16, 6, 10, 3, 2, true},
                       {1, 3, 8, 8, 8, 3, 2, true},
                       {1, 8, 8, 7, 5, 3, 2, true},
                       {2, 16, 24, 6, 6, 1},
                       {2, 30, 5, 5, 7, 1},
                       {1, 3, 12, 4, 4, 1},
                       {1, 16, 8, 8, 8, 1, 2},
                       {1, 12, 8, 7, 7, 1, 2},
                       {1, 8, 56, 4, 33}};

std::string name_of(const Case& c) {
  return to_string(Shape{c.images, c.in, c.height, c.width}) + " " + yaml(c.out, c.kernel, c.stride, c.end);
}

TEST(Conv2d, GivesWhatTheFormulaSays) {
  for (const int block : {8, 16}) {
    for (const Case& c : kCases) {
      for (const bool with_add : {false, true}) {
        SCOPED_TRACE(name_of(c) + " block " + std::to_string(block));
        const Plain x = gaussian({c.images, c.in, c.height, c.width}, 1);
        OneNode plain(yaml(c.out, c.kernel, c.stride, c.end), {{"x", x}}, {.channel_block = block});
        std::map<std::string, Plain> inputs = {{"x", x}};
        if (with_add) inputs["add"] = gaussian(plain.output("y").shape, 2);
        OneNode node(yaml(c.out, c.kernel, c.stride, c.end), inputs, {.channel_block = block});
        node.set_weight("bias", gaussian({c.out}, 3).values);
        node.forward();
        expect_near(
            node.output("y"),
            convolved(x, node.weight("weight"), node.weight("bias"), with_add ? inputs["add"] : Plain{},
                      node.output("y"), c.stride, c.end ? 0 : c.kernel / 2),
            2e-5);
      }
    }
  }
}

// The loss is linear in each of x, weight, bias and add, so differences are exact up to rounding.
TEST(Conv2d, GradientsMatchDifferences) {
  for (const int block : {8, 16}) {
    for (const Case& c : kCases) {
      SCOPED_TRACE(name_of(c) + " block " + std::to_string(block));
      const OneNodeOptions options = {.training = true, .channel_block = block};
      const Plain x = gaussian({c.images, c.in, c.height, c.width}, 1);
      OneNode plain(yaml(c.out, c.kernel, c.stride, c.end), {{"x", x}}, options);
      OneNode node(yaml(c.out, c.kernel, c.stride, c.end),
                   {{"x", x}, {"add", gaussian(plain.output("y").shape, 2)}}, options);
      expect_gradients_match(node, {.h = 0.25, .bound = 1e-3, .most_elements = 12});
    }
  }
}

TEST(Conv2d, WorksWithoutBias) {
  OneNode node("{type: conv2d, channels: 8, bias: false}", {{"x", gaussian({1, 8, 4, 4}, 1)}},
               {.training = true});
  expect_gradients_match(node, {.h = 0.25});
  expect_near(node.output("y"),
              convolved(gaussian({1, 8, 4, 4}, 1), node.weight("weight"), {}, {}, node.output("y"), 1, 1),
              2e-5);
  OneNode added("{type: conv2d, channels: 8, bias: false}",
                {{"x", gaussian({1, 8, 4, 4}, 1)}, {"add", gaussian({1, 8, 4, 4}, 2)}}, {.training = true});
  expect_gradients_match(added, {.h = 0.25});
}

// The sum grows image by image, so that it may differ from twice the gradient in the last bit.
TEST(Conv2d, ASecondFrameAddsToTheGradient) {
  for (const std::int64_t in : {3, 12}) {
    OneNode node(yaml(12), {{"x", gaussian({2, in, 5, 5}, 1)}}, {.training = true});
    node.forward();
    node.backward({{"y", gaussian({2, 12, 5, 5}, 2)}});
    const Plain once = node.d_weight("weight"), bias = node.d_weight("bias");
    node.accumulate_again();
    const Plain twice = node.d_weight("weight"), bias_twice = node.d_weight("bias");
    for (std::size_t i = 0; i < once.values.size(); ++i)
      ASSERT_NEAR(twice.values[i], 2 * once.values[i], 1e-5);
    for (std::size_t i = 0; i < bias.values.size(); ++i)
      ASSERT_NEAR(bias_twice.values[i], 2 * bias.values[i], 1e-5);
  }
}

TEST(Conv2d, TheGradientHasTheSameBitsHoweverTheBatchIsCut) {
  const Plain both = gaussian({2, 12, 6, 6}, 1), one_dy = gaussian({1, 8, 6, 6}, 2);
  const auto middle = both.values.begin() + both.values.size() / 2;
  Plain dy = {{2, 8, 6, 6}, one_dy.values};
  dy.values.insert(dy.values.end(), one_dy.values.begin(), one_dy.values.end());
  OneNode together(yaml(8), {{"x", both}}, {.training = true});
  together.forward();
  together.backward({{"y", dy}});

  OneNode apart(yaml(8), {{"x", {{1, 12, 6, 6}, {both.values.begin(), middle}}}}, {.training = true});
  apart.forward();
  apart.backward({{"y", one_dy}});
  apart.set_input("x", {middle, both.values.end()});
  apart.forward();
  apart.accumulate_again();
  EXPECT_EQ(apart.d_weight("weight").values, together.d_weight("weight").values);
  EXPECT_EQ(apart.d_weight("bias").values, together.d_weight("bias").values);
}

TEST(Conv2d, AnImageHasTheSameBitsWhateverIsBesideIt) {
  for (const Case& c : {Case{8, 16, 24, 8, 8}, Case{8, 3, 16, 7, 9}, Case{8, 24, 8, 8, 8, 3, 2, true},
                        Case{8, 32, 40, 8, 8, 1}, Case{8, 12, 5, 5, 5}}) {
    SCOPED_TRACE(name_of(c));
    const Plain x = gaussian({c.images, c.in, c.height, c.width}, 1);
    OneNode all(yaml(c.out, c.kernel, c.stride, c.end), {{"x", x}});
    all.forward();
    const std::vector<float> y = all.output("y").values;
    const std::size_t from = x.values.size() / c.images, to = y.size() / c.images;
    OneNode one(yaml(c.out, c.kernel, c.stride, c.end),
                {{"x", {{1, c.in, c.height, c.width}, {x.values.begin(), x.values.begin() + from}}}});
    for (std::int64_t n = 0; n < c.images; ++n) {
      one.set_input("x", {x.values.begin() + n * from, x.values.begin() + (n + 1) * from});
      one.forward();
      ASSERT_EQ(one.output("y").values, std::vector<float>(y.begin() + n * to, y.begin() + (n + 1) * to))
          << "image " << n;
    }
  }
}

// Every kernel of Inception, and padding of none, against sums written out.
TEST(Conv2d, TakesKernelsThatAreNotSquare) {
  struct Case {
    int rows, columns, stride;
    bool none;
  };
  for (const Case& c :
       {Case{1, 7, 1, false}, Case{7, 1, 1, false}, Case{5, 5, 1, false}, Case{1, 3, 1, false},
        Case{3, 1, 1, false}, Case{3, 3, 2, true}, Case{3, 3, 1, true}, Case{7, 3, 2, false}}) {
    SCOPED_TRACE(fmt::format("{}x{} at stride {}", c.rows, c.columns, c.stride));
    for (const std::int64_t channels : {3, 8}) {  // plain and blocked
      const Plain x = gaussian({2, channels, 9, 8}, 1);
      OneNode node(
          fmt::format("{{type: conv2d, channels: 5, kernel: {}, kernel_width: {}, stride: {}, padding: {}}}",
                      c.rows, c.columns, c.stride, c.none ? "none" : "same"),
          {{"x", x}}, {.training = true});
      node.forward();
      const Plain y = node.output("y"), w = node.weight("weight");
      const std::int64_t a = c.none ? 0 : c.rows / 2, b = c.none ? 0 : c.columns / 2;
      ASSERT_EQ(w.shape, (Shape{5, channels, c.rows, c.columns}));
      ASSERT_EQ(y.shape,
                (Shape{2, 5, (9 + 2 * a - c.rows) / c.stride + 1, (8 + 2 * b - c.columns) / c.stride + 1}));
      for (std::int64_t i = 0; i < count_of(y.shape); ++i) {
        const std::int64_t q = i % y.shape[3], p = i / y.shape[3] % y.shape[2],
                           o = i / y.shape[3] / y.shape[2] % 5, n = i / y.shape[3] / y.shape[2] / 5;
        double sum = 0;
        for (std::int64_t k = 0; k < channels; ++k)
          for (std::int64_t r = 0; r < c.rows; ++r)
            for (std::int64_t s = 0; s < c.columns; ++s) {
              const std::int64_t h = p * c.stride + r - a, v = q * c.stride + s - b;
              if (h < 0 || h >= 9 || v < 0 || v >= 8) continue;
              sum += double{x.values[static_cast<std::size_t>(((n * channels + k) * 9 + h) * 8 + v)]} *
                     w.values[static_cast<std::size_t>(((o * channels + k) * c.rows + r) * c.columns + s)];
            }
        ASSERT_NEAR(y.values[static_cast<std::size_t>(i)], sum, 1e-5) << i;
      }
      expect_gradients_match(node);
    }
  }
}

// fan in + fan out = (4 + 8) * 9 = 108, so weights start in +-sqrt(6 / 108) = +-0.2357, and a quarter of that
// with init_scale 1/16.
TEST(Conv2d, StartsWithGlorotsWeights) {
  for (const auto& [scale, limit] : {std::pair{"1", 0.2357}, {"0.0625", 0.05893}, {"0", 0.0}}) {
    OneNode node("{type: conv2d, channels: 8, init_scale: " + std::string(scale) + "}",
                 {{"x", numbered({1, 4, 4, 4})}});
    float largest = 0;
    for (const float w : node.weight("weight").values) largest = std::max(largest, std::abs(w));
    EXPECT_LE(largest, limit + 1e-5);
    EXPECT_GE(largest, 0.9 * limit);
    EXPECT_EQ(node.weight("bias").values, std::vector<float>(8, 0));
  }
}

TEST(Conv2d, CountsItsMultiplyAdds) {
  OneNode node(yaml(5, 3, 2), {{"x", numbered({2, 12, 8, 8})}});
  EXPECT_EQ(node.multiply_adds(), 2 * 5 * 4 * 4 * 12 * 9);
}

TEST(Conv2d, RefusesWhatItCannotDo) {
  const std::map<std::string, Plain> x = {{"x", numbered({1, 8, 4, 4})}};
  EXPECT_EQ(refusal("{type: conv2d, channels: 4, kernel: 2}", x),
            "test.yaml:1:37: node 'node' (conv2d): 'kernel' is 2; it can be 1, 3, 5 or 7");
  EXPECT_EQ(refusal("{type: conv2d, channels: 4, kernel: 9}", x),
            "test.yaml:1:37: node 'node' (conv2d): 'kernel' is 9; it can be 1, 3, 5 or 7");
  EXPECT_EQ(refusal("{type: conv2d, channels: 4, kernel_width: 4}", x),
            "test.yaml:1:43: node 'node' (conv2d): 'kernel_width' is 4; it can be 1, 3, 5 or 7");
  EXPECT_EQ(refusal("{type: conv2d, channels: 4, kernel: 7, padding: none}", x),
            "test.yaml:1:1: node 'node' (conv2d): 'x' is [1,8,4,4], smaller than the kernel of 7x7 with its "
            "padding");
  EXPECT_EQ(refusal("{type: conv2d, channels: 4, stride: 3}", x),
            "test.yaml:1:37: node 'node' (conv2d): 'stride' is 3; it can be 1 or 2");
  EXPECT_EQ(refusal("{type: conv2d, channels: 0}", x),
            "test.yaml:1:26: node 'node' (conv2d): 'channels' is 0; it must be between 1 and 65536");
  EXPECT_EQ(refusal("{type: conv2d}", x),
            "test.yaml:1:1: node 'node' (conv2d): 'channels' is missing; it is required (channels of y)");
  EXPECT_EQ(refusal("{type: conv2d, channels: 4, padding: valid}", x),
            "test.yaml:1:38: node 'node' (conv2d): 'padding' is 'valid'; known are same, end, none");
  EXPECT_EQ(refusal("{type: conv2d, channels: 4, padding: end}", x),
            "test.yaml:1:38: node 'node' (conv2d): 'padding' is 'end', which goes with kernel 3 and stride "
            "2; kernel is 3 and stride 1");
  EXPECT_EQ(refusal("{type: conv2d, channels: 4, padding: end, stride: 2, kernel: 1}", x),
            "test.yaml:1:38: node 'node' (conv2d): 'padding' is 'end', which goes with kernel 3 and stride "
            "2; kernel is 1 and stride 2");
  EXPECT_EQ(refusal("{type: conv2d, channels: 4, padding: end, stride: 2}", {{"x", numbered({1, 8, 1, 4})}}),
            "test.yaml:1:1: node 'node' (conv2d): 'x' is [1,8,1,4], smaller than the kernel of 3x3 with its "
            "padding");
  EXPECT_EQ(refusal("{type: conv2d, channels: 4}",
                    {{"x", numbered({1, 8, 4, 4})}, {"add", numbered({1, 4, 4, 2})}}),
            "test.yaml:1:1: node 'node' (conv2d): 'add' is [1,4,4,2], but the convolution gives [1,4,4,4]");
  EXPECT_EQ(refusal("{type: conv2d, channels: 4, init_scale: -1}", x),
            "test.yaml:1:41: node 'node' (conv2d): 'init_scale' is -1; it must be between 0 and 100");
  EXPECT_EQ(refusal("{type: conv2d, channels: 4}", {{"x", numbered({1, 8})}}),
            "test.yaml:1:1: node 'node' (conv2d): input 'x' is [1,8], but takes [N,I,H,W], 4 sides");
}

}  // namespace
}  // namespace dagfusion::tests
