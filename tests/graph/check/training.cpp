// What is refused of trainings and of pipelines inside them; each whole message.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/fixtures/scratch_folder.h"
#include "tests/graph/tiny/nodes.h"

namespace dagfusion::tiny {
namespace {

const std::string kRun = "run: {steps: 2, batch_size: 4, micro_batch: 2}\nnodes:\n  x: {type: numbers}\n";
const std::string kLoss = "  y: {type: scale, in: x}\n  loss: {type: mean, in: y}\n";
const std::string kDescend = "  d: {type: descend, minimize: loss}\n";

std::string faults_in(const std::string& nodes) { return faults_of(kRun + nodes); }

TEST(CheckTraining, AcceptsATrainingWithoutFaults) { EXPECT_EQ(faults_in(kLoss + kDescend), ""); }

TEST(CheckTraining, RefusesRunsThatDoNotSayHowMuch) {
  const auto run = [](const std::string& settings) {
    return faults_of("run: {" + settings + "}\nnodes:\n  x: {type: numbers}\n" + kLoss + kDescend);
  };
  EXPECT_EQ(run("steps: 2"),
            "test.yaml:1:6: section 'run' lacks 'batch_size', which training needs, like run: {steps: 1000, "
            "batch_size: 64}");
  EXPECT_EQ(run("batch_size: 2"),
            "test.yaml:1:6: section 'run' lacks 'steps', which training needs, like run: {steps: 1000, "
            "batch_size: 64}");
  EXPECT_EQ(
      run("steps: 2, batch_size: 4, images: 4"),
      "test.yaml:1:40: section 'run': 'images' is for pipelines that train nothing; training counts 'steps'");
  EXPECT_EQ(run("steps: 2, batch_size: 4, micro_batch: 3"),
            "test.yaml:1:45: section 'run': 'micro_batch' is 3, which does not divide the batch_size 4; 2 "
            "would do");
}

TEST(CheckTraining, RefusesGroupsThatDoNotFitTheFrames) {
  const auto run = [](const std::string& settings, int ranks = 1) {
    CheckOptions options;
    options.ranks = ranks;
    return faults_of("run: {steps: 2, batch_size: 12, micro_batch: 1" + settings +
                         "}\nnodes:\n  x: {type: numbers}\n" + kLoss + kDescend,
                     options);
  };
  EXPECT_EQ(run(", gradient_groups: 4"), "");
  EXPECT_EQ(run("", 3), "");
  EXPECT_EQ(
      run(", gradient_groups: 3"),
      "test.yaml:1:66: section 'run': 'gradient_groups' is 3; it must be a power of two that divides the 12 "
      "frames of a step (batch_size 12, micro_batch 1), 4 at most");
  EXPECT_EQ(
      run(", gradient_groups: 8"),
      "test.yaml:1:66: section 'run': 'gradient_groups' is 8; it must be a power of two that divides the 12 "
      "frames of a step (batch_size 12, micro_batch 1), 4 at most");
  EXPECT_EQ(run(", gradient_groups: 2", 3),
            "test.yaml:1:66: section 'run': 'gradient_groups' is 2, and the run has 3 processes: each takes "
            "at least "
            "one of them");
  EXPECT_EQ(run("", 5),
            "test.yaml:1:6: section 'run': the 12 frames of a step (batch_size 12, micro_batch 1) cannot be "
            "cut into parts for 5 "
            "processes, a power of two of them; 4 is the most that divides the frames");
  EXPECT_EQ(
      faults_of(
          "run: {gradient_groups: 2}\nnodes:\n  x: {type: numbers, size: 2}\n  s: {type: sink, in: x}\n"),
      "test.yaml:1:24: section 'run': 'gradient_groups' is for training, but no node of this file minimizes "
      "anything");
}

TEST(CheckTraining, RefusesToMinimizeWhatIsNoLoss) {
  EXPECT_EQ(faults_in(kLoss + "  d: {type: descend}\n  e: {type: descend, minimize: loss}\n"),
            "test.yaml:6:3: node 'd' (descend): 'minimize' is missing: the loss to make small");
  EXPECT_EQ(
      faults_in(kLoss + "  d: {type: descend, minimize: y}\n"),
      "test.yaml:6:32: node 'd' (descend): minimizes 'y', which is [2,4] f32; a loss is one f32 number");
  EXPECT_EQ(faults_in(kLoss + "  d: {type: descend, minimize: lost}\n"),
            "test.yaml:6:32: node 'd' (descend): no node 'lost'; did you mean 'loss'?");
}

TEST(CheckTraining, RefusesLossesWithoutWeights) {
  EXPECT_EQ(faults_in("  loss: {type: mean, in: x}\n" + kDescend),
            "test.yaml:5:3: node 'd' (descend): nothing to train: no weights lie upstream of the loss");
  EXPECT_EQ(faults_in(kLoss + "  d: {type: descend, minimize: loss, weights: z*}\n"),
            "test.yaml:6:47: node 'd' (descend): 'weights' is 'z*', which matches none of the 1 weights "
            "upstream of the loss, such as y.weight");
}

TEST(CheckTraining, RefusesTwoOptimisersOfOneWeight) {
  EXPECT_EQ(faults_in(kLoss + kDescend + "  e: {type: descend, minimize: loss}\n"),
            "test.yaml:7:3: node 'e' (descend): trains y.weight, which 'd' trains already");
}

TEST(CheckTraining, RefusesNodesWithoutBackwardAndNamesThePath) {
  EXPECT_EQ(faults_in("  y: {type: scale, in: x}\n  h: {type: half, in: y}\n  z: {type: scale, in: h}\n  "
                      "loss: {type: mean, in: z}\n" +
                      kDescend),
            "test.yaml:5:3: node 'h' (half): has no backward, but lies between weights and the loss that 'd' "
            "minimizes: h -> z -> "
            "loss; stop before it would cut the path");
}

TEST(CheckTraining, RefusesToDropFrames) {
  EXPECT_EQ(faults_in("  y: {type: scale, in: x, on_error: drop}\n  loss: {type: mean, in: y}\n" + kDescend),
            "test.yaml:4:37: node 'y' (scale): 'on_error: drop' would leave holes in a batch; it is for "
            "preprocessing");
}

TEST(CheckTraining, RefusesStepNodesInAnImpossibleOrder) {
  EXPECT_EQ(faults_in(kLoss + kDescend + "  n: {type: note, after: k}\n  k: {type: look}\n"),
            "test.yaml:7:26: node 'n' (note): 'after' names 'k', which comes later in a step: first what "
            "writes resources, then what reads them, then what saves them");
  EXPECT_EQ(faults_in(kLoss + kDescend + "  n: {type: add_one, in: x, after: k}\n  k: {type: look}\n"),
            "test.yaml:7:36: node 'n' (add_one): 'after' names 'k', which runs once per step, this node once "
            "per frame");
  EXPECT_EQ(faults_in(kLoss + kDescend + "  k: {type: look}\n  n: {type: note, in: {k: k}}\n"),
            "test.yaml:8:27: node 'n' (note): input 'k': 'k' comes later in a step: first what writes "
            "resources, then what reads "
            "them, then what saves them");
}

class CheckChild : public testing::Test {
 protected:
  // Faults of a training that runs `inner` with these settings, on line 7.
  std::string faults_with(
      const std::string& settings,
      const std::string& inner = "vars: {count: 2}\nnodes:\n  x: {type: numbers, size: \"${count}\"}\n") {
    std::ofstream(path_) << inner;
    return faults_in(kLoss + kDescend + "  p: {type: run_pipeline, " + settings + "}\n");
  }
  tests::ScratchFolder folder_;
  std::string path_ = folder_ / "inner.yaml";
};

TEST_F(CheckChild, AcceptsAPipelineWithoutFaults) {
  EXPECT_EQ(faults_with("set: {count: 3}, every: 10min, pipeline: " + path_), "");
}

TEST_F(CheckChild, RefusesFilesThatAreNotThere) {
  EXPECT_EQ(faults_with("pipeline: /nowhere.yaml"),
            "test.yaml:7:37: node 'p' (run_pipeline): 'pipeline' is /nowhere.yaml, which does not exist");
}

TEST_F(CheckChild, RefusesUnknownKeysAndVariables) {
  EXPECT_EQ(faults_with("pipeline: a, in: x"),
            "test.yaml:7:40: node 'p' (run_pipeline): unknown key 'in'; known are pipeline, model, set, "
            "type, after, every, doc");
  EXPECT_EQ(faults_with("set: {cuont: 3}, pipeline: " + path_),
            "test.yaml:7:33: node 'p' (run_pipeline): " + path_ +
                " has no variable 'cuont'; did you mean 'count'?");
}

TEST_F(CheckChild, RefusesModelsThatKeepNoWeights) {
  EXPECT_EQ(faults_with("model: y, pipeline: " + path_),
            "test.yaml:7:34: node 'p' (run_pipeline): 'model' is y, which keeps no weights; it must be "
            "live, since no node of this file keeps any");
  EXPECT_EQ(faults_with("model: ema, pipeline: " + path_),
            "test.yaml:7:34: node 'p' (run_pipeline): no node 'ema'; known are d, loss, x, y");
}

TEST_F(CheckChild, SaysWhoRunsAPipelineWithFaults) {
  EXPECT_EQ(
      faults_with("pipeline: " + path_, "nodes:\n  x: {type: nubmers}\n"),
      path_ + ":2:13: node 'x': no type 'nubmers'; did you mean 'numbers'? (run by node 'p' (run_pipeline))");
}

TEST_F(CheckChild, RefusesPipelinesThatTrainOrRunAThird) {
  EXPECT_EQ(faults_with("pipeline: " + path_, kRun + kLoss + kDescend),
            "test.yaml:7:37: node 'p' (run_pipeline): " + path_ +
                " trains something; only pipelines that do not can run inside another");
  EXPECT_EQ(faults_with("pipeline: " + path_,
                        "nodes:\n  x: {type: numbers, size: 2}\n  q: {type: run_pipeline, pipeline: a}\n"),
            path_ +
                ":3:3: node 'q' (run_pipeline): this pipeline runs inside another and cannot run a third "
                "(run by node 'p' (run_pipeline))");
  EXPECT_EQ(faults_of("nodes:\n  x: {type: numbers, size: 2}\n  q: {type: run_pipeline, pipeline: a}\n"),
            "test.yaml:3:3: node 'q' (run_pipeline): runs between two steps of a training, and this is none");
}

TEST_F(CheckChild, RefusesValuesThatCannotBeAveraged) {
  EXPECT_EQ(faults_in(kLoss + kDescend + "  i: {type: integers}\n  n: {type: take, in: i}\n"),
            "test.yaml:8:23: node 'n' (take): input 'x': 'i' gives [2] i32 for every frame; only f32 can be "
            "averaged over a step");
}

}  // namespace
}  // namespace dagfusion::tiny
