#include <gtest/gtest.h>

#include "nodes/files/durable.h"
#include "nodes/files/manifest.h"
#include "tests/fixtures/checkpointed_training.h"

namespace dagfusion::tests {
namespace {

TEST(Checkpoint, HoldsWeightsStatesAndFacts) {
  ScratchFolder folder;
  Training training(folder.path());
  training.steps(1, 1);
  const fs::path made = folder.path() / "checkpoints/step-000001";
  EXPECT_EQ(names_in(made),
            (std::vector<std::string>{"MANIFEST", "adam.update.safetensors", "ema.safetensors",
                                      "pipeline.yaml", "state.json", "weights.safetensors"}));
  EXPECT_EQ(file_text(made / "pipeline.yaml"), training.run.yaml);
  std::vector<std::string> passed_over;
  const CheckpointFacts facts = open_checkpoint(folder.path(), passed_over);
  EXPECT_EQ(passed_over, std::vector<std::string>{});
  EXPECT_EQ(facts.directory, made);
  EXPECT_EQ(facts.step, 1);
  EXPECT_EQ(facts.seed, 7u);
  EXPECT_EQ(facts.micro_batch, 2);
  EXPECT_EQ(facts.precision, "float32");
  EXPECT_EQ(facts.instruction_set, "avx2");
  EXPECT_EQ(facts.data, "drawn");
  EXPECT_EQ(facts.model_input, (Shape{3, 8, 8}));
  EXPECT_EQ(facts.pipeline.find("run")->find("seed")->text, "7");
}

TEST(Checkpoint, LetsARunGoOnBitForBit) {
  ScratchFolder folder, other;
  Training through(folder.path());
  through.steps(1, 3);
  for (int number = 4; number <= 6; ++number) through.step(number);
  Training resumed(other.path());
  std::vector<std::string> passed_over;
  restore(open_checkpoint(folder.path(), passed_over), resumed.run);
  EXPECT_EQ(resumed.run.packed_b()[1], 2 * resumed.run.get("model/b")[1]);  // packed copies are fresh
  for (int number = 4; number <= 6; ++number) resumed.step(number);
  EXPECT_EQ(resumed.run.get("model/a"), through.run.get("model/a"));
  EXPECT_EQ(resumed.run.get("model/b"), through.run.get("model/b"));
  EXPECT_EQ(resumed.adam.state(), through.adam.state());
  EXPECT_EQ(resumed.ema.state(), through.ema.state());
}

TEST(Checkpoint, OfEqualRunsIsEqualByteForByte) {
  ScratchFolder one, two;
  Training a(one.path()), b(two.path());
  a.steps(1, 2);
  b.steps(1, 2);
  for (const std::string& name : names_in(one.path() / "checkpoints/step-000002")) {
    const fs::path file = fs::path("checkpoints/step-000002") / name;
    EXPECT_EQ(file_text(one.path() / file), file_text(two.path() / file)) << name;
  }
}

TEST(Checkpoint, KeepsTheNewest) {
  ScratchFolder folder;
  Training training(folder.path(), "{type: checkpoint, keep: 2}");
  training.steps(1, 4);
  EXPECT_EQ(names_in(folder.path() / "checkpoints"),
            (std::vector<std::string>{"step-000003", "step-000004"}));
}

TEST(Checkpoint, KeepsAllWhenKeepIsZero) {
  ScratchFolder folder;
  Training training(folder.path(), "{type: checkpoint, keep: 0}");
  training.steps(1, 5);
  EXPECT_EQ(names_in(folder.path() / "checkpoints").size(), 5u);
}

TEST(Checkpoint, ReplacesOneOfALaterStepWhenTheRunComesByAgain) {
  ScratchFolder folder;
  {
    Training training(folder.path(), "{type: checkpoint, keep: 2}");
    training.steps(1, 3);
  }
  Training again(folder.path(), "{type: checkpoint, keep: 1}");
  again.steps(1, 2);  // taken up from before step 2
  EXPECT_EQ(names_in(folder.path() / "checkpoints"),
            (std::vector<std::string>{"step-000002", "step-000003"}));
  again.steps(3, 3);
  EXPECT_EQ(names_in(folder.path() / "checkpoints"), std::vector<std::string>{"step-000003"});
}

TEST(Checkpoint, SaysWhereTheNewestIsAtTheEnd) {
  ScratchFolder folder;
  Training training(folder.path());
  training.steps(1, 2);
  training.save.ordered().finish(training.run);
  EXPECT_EQ(training.run.lines,
            std::vector<std::string>{"checkpoint: " + (folder / "checkpoints/step-000002")});
}

TEST(Checkpoint, IsTheNewestRunsThatHasOne) {
  ScratchFolder folder;
  for (const char* name : {"001", "002", "003"}) fs::create_directory(folder.path() / name);
  Training first(folder.path() / "001"), second(folder.path() / "002");
  first.steps(1, 2);
  second.steps(1, 1);
  std::vector<std::string> passed_over;
  EXPECT_EQ(open_checkpoint(folder.path(), passed_over).directory,
            folder.path() / "002/checkpoints/step-000001");
  EXPECT_EQ(open_checkpoint(folder.path() / "001/", passed_over).step, 2);
  EXPECT_EQ(open_checkpoint(folder.path() / "001/checkpoints/step-000001", passed_over).step, 1);
}

TEST(Checkpoint, IsNotRestoredIntoAnotherModel) {
  ScratchFolder folder;
  Training training(folder.path());
  training.steps(1, 1);
  std::vector<std::string> passed_over;
  const CheckpointFacts facts = open_checkpoint(folder.path(), passed_over);
  StepRun other;
  other.table = WeightTable();
  other.table.add(WeightSpec{.path = "model/a", .shape = {3, 2}});
  other.table.add(WeightSpec{.path = "model/c", .shape = {1}});
  other.live = WeightValues(other.table.floats(), 0);
  other.nodes = {{"ema", "weight_average", &training.ema.ordered()},
                 {"mean", "weight_average", &training.ema.ordered()}};
  const std::string start = "checkpoint '" + facts.directory.string() + "' ";
  EXPECT_EQ(
      thrown([&] { restore(facts, other); }),
      start + "has no state of node 'mean' (weight_average)\n" + start +
          "has the state of a node that is not in this pipeline: adam.update.safetensors\n" + start +
          "does not fit this pipeline: in weights.safetensors, 'model/a' is [2,3] F32, not [3,2] F32\n" +
          start + "does not fit this pipeline: in weights.safetensors, 'model/c' is missing\n" + start +
          "does not fit this pipeline: in weights.safetensors, 'model/b' has no place here");
}

TEST(Checkpoint, GivesLiveOrAveragedWeights) {
  ScratchFolder folder;
  Training training(folder.path());
  training.steps(1, 2);
  std::vector<std::string> passed_over;
  const CheckpointFacts facts = open_checkpoint(folder.path(), passed_over);
  StepRun run;
  load_weights(facts, "live", run.table, run.live);
  EXPECT_EQ(run.get("model/b"), training.run.get("model/b"));
  load_weights(facts, "ema", run.table, run.live);
  EXPECT_EQ(run.get("model/b"), training.ema.state().at("model/b"));
  EXPECT_NE(run.get("model/b"), training.run.get("model/b"));
  EXPECT_EQ(run.packed_b()[2], 2 * run.get("model/b")[2]);
  EXPECT_EQ(
      thrown([&] { load_weights(facts, "adam/update", run.table, run.live); }),
      "checkpoint '" + facts.directory.string() + "' has no weights 'adam/update'; known are live, ema");
  EXPECT_EQ(thrown([&] { load_weights(facts, "emma", run.table, run.live); }),
            "checkpoint '" + facts.directory.string() + "' has no weights 'emma'; did you mean 'ema'?");
}

TEST(Checkpoint, KeepsTheLiveWeightsApartFromANodeCalledWeights) {
  ScratchFolder folder;
  Training training(folder.path());
  training.run.nodes[1].path = "weights";
  training.steps(1, 2);
  std::vector<std::string> passed_over;
  const CheckpointFacts facts = open_checkpoint(folder.path(), passed_over);
  StepRun run;
  load_weights(facts, "weights", run.table, run.live);
  EXPECT_EQ(run.get("model/b"), training.ema.state().at("model/b"));
}

TEST(Checkpoint, IsNotBegunWithoutRoomForIt) {
  ScratchFolder folder;
  const std::string message =
      thrown([&] { require_space(folder.path(), std::uint64_t{1} << 60, "make room and resume"); });
  EXPECT_TRUE(message.starts_with("'" + folder.path().string() + "' has ")) << message;
  EXPECT_TRUE(message.ends_with(" MB free, but 1152921504607 MB are needed; make room and resume"))
      << message;
}

TEST(Checkpoint, RefusesToKeepLessThanNone) {
  StepRun run;
  EXPECT_EQ(thrown([&] { StepNode(run, "{type: checkpoint, keep: -1}"); }),
            "test.yaml:1:26: node 'node' (checkpoint): 'keep' is -1; it must be at least 0");
}

TEST(Manifest, ListsFilesByNameWithTheirChecksums) {
  EXPECT_EQ(manifest_text({{"b", 3, 0x1234}, {"a", 10, 0xffffffff}}).substr(0, 57),
            "dagfusion checkpoint, format 1\nffffffff 10 a\n00001234 3 b");
}

}  // namespace
}  // namespace dagfusion::tests
