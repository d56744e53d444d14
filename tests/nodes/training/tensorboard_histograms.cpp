#include <gtest/gtest.h>

#include "tests/fixtures/events.h"
#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

// Weights are stored with rows that are filled up; what fills them is not counted.
TEST(TensorboardHistograms, ShowsWeightsAndGradients) {
  const ScratchFolder folder;
  StepRun run(folder.path());
  run.set("model/a", {1, 2, 3, 4, 5, 6});
  run.set_gradient("model/a", {-1, 0, 0, 0, 0, 1});
  StepNode node(run, "{type: tensorboard_histograms, weights: 'model/a'}");
  node.run(5);
  const std::vector<std::string> events = events_below(folder.path() / "tensorboard/weights");
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(told(events[1]), "5 model/a=histogram of 6");
  EXPECT_EQ(told(events[2]), "5 gradients/model/a=histogram of 6");
  EXPECT_EQ(histogram_in(events[1]).numbers, (std::vector<double>{1, 6, 6, 21, 91}));
  EXPECT_EQ(histogram_in(events[2]).numbers, (std::vector<double>{-1, 1, 6, 0, 2}));
}

TEST(TensorboardHistograms, LeavesGradientsOut) {
  const ScratchFolder folder;
  StepRun run(folder.path());
  StepNode node(run, "{type: tensorboard_histograms, gradients: false}");
  node.run(1);
  EXPECT_EQ(told_below(folder.path() / "tensorboard/weights"),
            (std::vector<std::string>{"0 version brain.Event:2", "1 model/a=histogram of 6",
                                      "1 model/b=histogram of 5"}));
}

TEST(TensorboardHistograms, RefusesAPatternThatMatchesNothing) {
  StepRun run;
  EXPECT_EQ(thrown([&] { StepNode(run, "{type: tensorboard_histograms, weights: 'model/c'}"); }),
            "test.yaml:1:41: node 'node' (tensorboard_histograms): 'weights' is 'model/c', which matches "
            "none of the 2 "
            "weights, such as model/a");
}

}  // namespace
}  // namespace dagfusion::tests
