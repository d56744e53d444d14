// `when` and `otherwise`: nodes that some frames, or some iterations, skip.
#include <gtest/gtest.h>

#include "tests/graph/tiny/nodes.h"

namespace dagfusion::tiny {
namespace {

TEST(When, SkipsANodeWhereTheValueIsZero) {
  // In iteration 0 the index is 0: x = 5 stays. Then 1 is added in iterations 1, 2 and 3.
  EXPECT_EQ(run_text(R"(run: {micro_batch: 1}
nodes:
  x: {type: numbers, size: 2, width: 1}
  loop:
    loop:
      each: {type: count, steps: 4}
      carry: {v: x}
      nodes:
        up: {type: add_one, in: carry.v, when: each.index, otherwise: carry.v}
      next: {v: up}
  out: {type: sink, in: loop.v}
)")
                .error,
            "");
  EXPECT_EQ(seen().values["out"], (std::vector<std::vector<float>>{{3}, {4}}));
}

TEST(When, GivesZerosToFramesThatSkip) {
  // numbers gives 0, 1, 2: the first frame skips.
  EXPECT_EQ(run_text(R"(run: {micro_batch: 1}
nodes:
  x: {type: numbers, size: 3, width: 1}
  flag: {type: mean, in: x}
  up: {type: add_one, in: x, when: flag, otherwise: zeros}
  out: {type: sink, in: up}
)")
                .error,
            "");
  EXPECT_EQ(seen().values["out"], (std::vector<std::vector<float>>{{0}, {2}, {3}}));
}

TEST(When, DoesNotRunTheNodeThatIsSkipped) {
  // flaky drops every frame that it sees; only the first skips it.
  EXPECT_EQ(run_text(R"(run: {micro_batch: 1}
nodes:
  x: {type: numbers, size: 3, width: 1}
  flag: {type: mean, in: x}
  risky: {type: flaky, in: x, drop_every: 1, when: flag, otherwise: x}
  out: {type: sink, in: risky}
)")
                .error,
            "");
  EXPECT_EQ(seen().values["out"], (std::vector<std::vector<float>>{{0}}));
}

TEST(When, RefusesHalfAnAnswer) {
  EXPECT_EQ(faults_of("nodes:\n  x: {type: numbers, size: 2}\n  up: {type: add_one, in: x, when: x}\n"),
            "test.yaml:3:36: node 'up' (add_one): 'otherwise' is missing: what frames get that skip the "
            "node, an output of another "
            "node or zeros");
  EXPECT_EQ(faults_of("nodes:\n  x: {type: numbers, size: 2}\n  up: {type: add_one, in: x, otherwise: x}\n"),
            "test.yaml:3:41: node 'up' (add_one): 'otherwise' without 'when': nothing would skip the node");
}

TEST(When, RefusesAValueThatIsNotOneNumber) {
  EXPECT_EQ(faults_of("nodes:\n  x: {type: numbers, size: 2, width: 3}\n  up: {type: add_one, in: x, when: "
                      "x, otherwise: x}\n"),
            "test.yaml:3:36: node 'up' (add_one): 'when' is 'x', which is [1,3] f32; it must be one number, "
            "i32 or f32");
}

TEST(When, RefusesNodesThatSeeEveryFrame) {
  EXPECT_EQ(faults_of("nodes:\n  x: {type: numbers, size: 2}\n  flag: {type: mean, in: x}\n  s: {type: sink, "
                      "in: x, when: flag, otherwise: zeros}\n"),
            "test.yaml:4:32: node 's' (sink): 'when' is for maps and models; this node sees every frame");
}

}  // namespace
}  // namespace dagfusion::tiny
