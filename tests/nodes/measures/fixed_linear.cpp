#include "nodes/files/npz.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

TEST(FixedLinear, AddsTheBiasOrNot) {
  const ScratchFolder folder;
  const std::string path = (folder.path() / "fc.npz").string();
  const std::vector<double> weight = {1, 2, 3, 4, 5, 6}, bias = {100, 200};
  write_npz(path, {{"fc.weight", {2, 3}, weight}, {"fc.bias", {2}, bias}});
  const auto result = [&](const char* with_bias) {
    OneNode node("{type: fixed_linear, layer: fc, weights: " + path + ", bias: " + with_bias + "}",
                 {{"x", {{2, 3}, {1, 0, 0, 1, 1, 1}}}});
    node.forward();
    return node.output("y").values;
  };
  EXPECT_EQ(result("true"), (std::vector<float>{101, 204, 106, 215}));
  EXPECT_EQ(result("false"), (std::vector<float>{1, 4, 6, 15}));
  EXPECT_EQ(refusal("{type: fixed_linear, layer: fc, weights: " + path + "}", {{"x", gaussian({2, 4}, 1)}}),
            "test.yaml:1:29: node 'node' (fixed_linear): 'fc.weight' is [2,3], which does not take input "
            "'x', [2,4]");
}

}  // namespace
}  // namespace dagfusion::tests
