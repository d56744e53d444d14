#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

OneNodeOptions bytes() { return {.dtypes = {{"x", DType::u8}}}; }

TEST(DropDuplicates, LetsEveryImageThroughOnce) {
  OneNode node("{type: drop_duplicates}", {{"x", {{1, 1, 1, 2}, {1, 2}}}}, bytes());
  const auto dropped = [&](std::int64_t position, std::vector<float> values) {
    node.set_input("x", std::move(values));
    node.at(position);
    node.forward();
    return node.dropped();
  };
  EXPECT_FALSE(dropped(0, {1, 2}));
  EXPECT_EQ(node.output("y").values, (std::vector<float>{1, 2}));
  EXPECT_FALSE(dropped(1, {2, 1}));
  EXPECT_TRUE(dropped(2, {1, 2}));
}

TEST(DropDuplicates, RefusesFramesOfSeveralImages) {
  const std::string said = refusal("{type: drop_duplicates}", {{"x", {{2, 1, 1, 1}, {1, 2}}}}, bytes());
  EXPECT_EQ(said.substr(said.find("node '")),
            "node 'node' (drop_duplicates): input 'x' has 2 images a frame; 'run.micro_batch' must be 1");
}

}  // namespace
}  // namespace dagfusion::tests
