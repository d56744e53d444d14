#include <gtest/gtest.h>

#include "tests/fixtures/composite.h"

namespace dagfusion::tests {
namespace {

TEST(Downsample, HalvesHeightAndWidth) {
  const Checked checked = expanded("type: downsample", {{"x", numbered({1, 3, 6, 4})}});
  EXPECT_EQ(nodes_of(checked), (std::vector<std::string>{"conv conv2d [1,3,3,2]"}));
  EXPECT_EQ(checked.weights->weights()[0].shape, (Shape{3, 3, 3, 3}));
}

TEST(Downsample, RejectsOddSides) {
  EXPECT_EQ(
      faults_of("type: downsample", {{"x", numbered({1, 3, 6, 5})}}),
      "node 'node' (downsample): 'x' is [1,3,6,5], which cannot be halved; height and width must be even");
}

}  // namespace
}  // namespace dagfusion::tests
