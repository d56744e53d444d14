// state.json is read as it was written.
#include "graph/run/run_state.h"

#include <gtest/gtest.h>

namespace dagfusion {
namespace {

RunState example() {
  return {.step = 1200,
          .seed = 18446744073709551615u,
          .batch_size = 64,
          .micro_batch = 8,
          .gradient_groups = 4,
          .precision = "bfloat16",
          .instruction_set = "avx512, kernels avx3",
          .plugins = {"libmy_nodes.so 3f1c2b8a"},
          .model_input = {3, 32, 32},
          .classes = {"cat", "dog"},
          .data = R"({"images":"a b 1","more":"c \"d\""})"};
}

TEST(RunState, IsReadAsItWasWritten) {
  EXPECT_EQ(read_run_state(to_json(example())), example());
  RunState bare{.step = 3};
  EXPECT_EQ(read_run_state(to_json(bare)), bare);
  bare.data = "drawn";
  EXPECT_EQ(read_run_state(to_json(bare)), bare);
}

TEST(RunState, IsWrittenForPeopleToo) {
  EXPECT_EQ(to_json(example()), R"({
  "version": 1,
  "step": 1200,
  "seed": 18446744073709551615,
  "batch_size": 64,
  "micro_batch": 8,
  "gradient_groups": 4,
  "precision": "bfloat16",
  "instruction_set": "avx512, kernels avx3",
  "plugins": [
    "libmy_nodes.so 3f1c2b8a"
  ],
  "model_input": [
    3,
    32,
    32
  ],
  "classes": [
    "cat",
    "dog"
  ],
  "data": {
    "images": "a b 1",
    "more": "c \"d\""
  }
}
)");
}

}  // namespace
}  // namespace dagfusion
