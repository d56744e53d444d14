#include <gtest/gtest.h>

#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

TEST(PackWeights, RefreshesThePackedCopiesOfTheLiveWeights) {
  StepRun run;
  StepNode pack(run, "{type: pack_weights}", {{"after", 0}});
  run.set("model/b", {1, 2, 3, 4, 5});
  EXPECT_EQ(run.packed_b(), (std::vector<float>{0, 0, 0, 0, 0}));
  pack.run(1);
  EXPECT_EQ(run.packed_b(), (std::vector<float>{2, 4, 6, 8, 10}));
}

}  // namespace
}  // namespace dagfusion::tests
