#include <fmt/format.h>

#include <cmath>

#include "nodes/files/npz.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

// A file with a layer "a.conv" of this kernel, and its normalisation "a.bn".
struct Layer {
  ScratchFolder folder;
  std::vector<double> weight, mean, var, shift, scale;
  Shape kernel;

  explicit Layer(Shape shape) : kernel(std::move(shape)) {
    const auto values = [](std::int64_t count, std::uint64_t seed) {
      const Plain drawn = gaussian({count}, seed);
      return std::vector<double>(drawn.values.begin(), drawn.values.end());
    };
    weight = values(count_of(kernel), 1);
    mean = values(kernel[0], 2), shift = values(kernel[0], 3), scale = values(kernel[0], 4);
    var = values(kernel[0], 5);
    for (double& v : var) v = 0.5 + v * v;
    write_npz(path(), {{"a.conv.weight", kernel, weight},
                       {"a.bn.running_mean", {kernel[0]}, mean},
                       {"a.bn.running_var", {kernel[0]}, var},
                       {"a.bn.bias", {kernel[0]}, shift},
                       {"a.bn.weight", {kernel[0]}, scale}});
  }
  std::string path() const { return (folder.path() / "layer.npz").string(); }
};

// Convolution, normalisation and ReLU one after the other, written out.
double expected(const Layer& l, const Plain& x, std::int64_t n, std::int64_t o, std::int64_t top,
                std::int64_t left) {
  double sum = 0;
  const bool depthwise = l.kernel[1] == 1;
  for (std::int64_t k = 0; k < l.kernel[1]; ++k)
    for (std::int64_t r = 0; r < l.kernel[2]; ++r)
      for (std::int64_t s = 0; s < l.kernel[3]; ++s) {
        const std::int64_t h = top + r, w = left + s;
        if (h < 0 || h >= x.shape[2] || w < 0 || w >= x.shape[3]) continue;
        sum +=
            x.values[static_cast<std::size_t>(
                ((n * x.shape[1] + (depthwise ? o : k)) * x.shape[2] + h) * x.shape[3] + w)] *
            l.weight[static_cast<std::size_t>(((o * l.kernel[1] + k) * l.kernel[2] + r) * l.kernel[3] + s)];
      }
  const auto at = static_cast<std::size_t>(o);
  return std::max(0.0, (sum - l.mean[at]) / std::sqrt(l.var[at] + 1e-3) * l.scale[at] + l.shift[at]);
}

TEST(FixedConv2d, FoldsTheNormalisationIntoItsWeights) {
  struct Case {
    Shape kernel;
    std::int64_t size, stride;
    std::string padding;
    std::int64_t above, left;  // zeros
  };
  // tensorflow, 7 rows at stride 2: 4 outputs read 9 rows, so one of zeros on each side; 8 rows: one, at the bottom.
  for (const Case& c :
       {Case{{5, 3, 3, 3}, 7, 2, "none", 0, 0}, Case{{16, 8, 1, 7}, 9, 1, "same", 0, 3},
        Case{{16, 8, 3, 3}, 16, 1, "same", 1, 1}, Case{{4, 3, 3, 3}, 7, 2, "tensorflow", 1, 1},
        Case{{4, 8, 3, 3}, 8, 2, "tensorflow", 0, 0}, Case{{24, 1, 5, 5}, 9, 2, "tensorflow", 2, 2}}) {
    SCOPED_TRACE(fmt::format("{} {} at stride {}", to_string(c.kernel), c.padding, c.stride));
    const Layer layer(c.kernel);
    const Plain x = gaussian({2, c.kernel[1] == 1 ? c.kernel[0] : c.kernel[1], c.size, c.size}, 6);
    OneNode node(
        fmt::format("{{type: fixed_conv2d, weights: {}, layer: a.conv, norm: a.bn, stride: {}, padding: {}}}",
                    layer.path(), c.stride, c.padding),
        {{"x", x}});
    node.forward();
    const Plain y = node.output("y");
    for (std::int64_t i = 0; i < count_of(y.shape); ++i) {
      const std::int64_t q = i % y.shape[3], p = i / y.shape[3] % y.shape[2],
                         o = i / y.shape[3] / y.shape[2] % y.shape[1],
                         n = i / y.shape[3] / y.shape[2] / y.shape[1];
      ASSERT_NEAR(y.values[static_cast<std::size_t>(i)],
                  expected(layer, x, n, o, p * c.stride - c.above, q * c.stride - c.left), 2e-4)
          << i;
    }
  }
}

TEST(FixedConv2d, RefusesWhatTheFileDoesNotHold) {
  const Layer layer({4, 8, 3, 3});
  const std::string start = "{type: fixed_conv2d, weights: " + layer.path();
  const std::string at = "node 'node' (fixed_conv2d): ";
  EXPECT_EQ(refusal(start + ", layer: b.conv}", {{"x", gaussian({1, 8, 4, 4}, 1)}}),
            "test.yaml:1:31: " + at + "'" + layer.path() + "' holds no 'b.conv.weight'");
  EXPECT_EQ(
      refusal("{type: fixed_conv2d, layer: a.conv, weights: " + layer.path() + "}",
              {{"x", gaussian({1, 6, 4, 4}, 1)}}),
      "test.yaml:1:29: " + at + "'a.conv.weight' is [4,8,3,3], which does not go over input 'x', [1,6,4,4]");
  EXPECT_EQ(refusal(start + ", layer: a.conv, padding: none}", {{"x", gaussian({1, 8, 2, 4}, 1)}}),
            "test.yaml:1:1: " + at + "'x' is [1,8,2,4], smaller than the kernel of 3x3 with its padding");
}

}  // namespace
}  // namespace dagfusion::tests
