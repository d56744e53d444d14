#include <gtest/gtest.h>

#include "tests/fixtures/composite.h"

namespace dagfusion::tests {
namespace {

TEST(Upsample, DoublesHeightAndWidthAndKeepsTheChannels) {
  const Checked checked = expanded("type: upsample", {{"x", numbered({1, 3, 3, 2})}});
  EXPECT_EQ(nodes_of(checked),
            (std::vector<std::string>{"nearest nearest_upsample [1,3,6,4]", "conv conv2d [1,3,6,4]"}));
}

}  // namespace
}  // namespace dagfusion::tests
