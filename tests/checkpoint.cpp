#include <gtest/gtest.h>

#include "nodes/files/checkpoint_files.h"
#include "nodes/files/durable.h"
#include "nodes/files/manifest.h"
#include "tests/step_bench.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

// A run with an optimiser, an average and a checkpoint node.
struct Training {
  explicit Training(const fs::path& where, const std::string& yaml = "{type: checkpoint}")
      : run(where),
        adam(run, "{type: adam_update, learning_rate: 0.1}"),
        ema(run, "{type: weight_average, decay: 0.5}"),
        save(run, yaml) {
    run.nodes = {{"adam/update", "adam_update", &adam.ordered()}, {"ema", "weight_average", &ema.ordered()}};
    run.set("model/a", {1, 2, 3, 4, 5, 6});
    run.set("model/b", {0.5f, -1, 2, 0, 0.25f});
  }
  void step(std::int64_t number) {
    const auto g = static_cast<float>(number);
    run.set_gradient("model/a", {g, -g, 1, 0, 2, g * g});
    run.set_gradient("model/b", {1, 2, 3, g, 5});
    adam.run(number);
    ema.run(number);
    run.table.pack(run.live);
  }
  void steps(std::int64_t first, std::int64_t last) {
    for (std::int64_t number = first; number <= last; ++number) {
      step(number);
      save.run(number);
    }
  }

  BenchRun run;
  StepNode adam, ema, save;
};

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

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

// What a killed process or a bad disk may leave. Each must be seen, and the checkpoint before it taken.
class Damaged : public ::testing::Test {
 protected:
  Damaged() {
    Training training(folder_.path(), "{type: checkpoint, keep: 0}");
    training.steps(1, 2);
    newest_ = folder_.path() / "checkpoints/step-000002";
  }
  void expect_passed_over(const std::string& reason) {
    std::vector<std::string> passed_over;
    EXPECT_EQ(open_checkpoint(folder_.path(), passed_over).step, 1) << reason;
    EXPECT_EQ(passed_over, std::vector<std::string>{newest_.string() + ": " + reason});
    EXPECT_EQ(thrown([&] { open_checkpoint(newest_, passed_over); }),
              "checkpoint '" + newest_.string() + "' cannot be used: " + reason);
  }
  ScratchFolder folder_;
  fs::path newest_;
};

TEST_F(Damaged, WithoutItsManifestIsPassedOver) {
  fs::remove(newest_ / "MANIFEST");
  expect_passed_over("MANIFEST is missing");
}

TEST_F(Damaged, WithAFileMissingIsPassedOver) {
  fs::remove(newest_ / "ema.safetensors");
  expect_passed_over("ema.safetensors is missing");
}

TEST_F(Damaged, WithAFileCutShortIsPassedOver) {
  const std::uintmax_t bytes = fs::file_size(newest_ / "weights.safetensors");
  fs::resize_file(newest_ / "weights.safetensors", bytes - 1);
  expect_passed_over("weights.safetensors has " + std::to_string(bytes - 1) + " bytes instead of " +
                     std::to_string(bytes));
}

TEST_F(Damaged, WithOneByteChangedInAnyFileIsPassedOver) {
  for (const std::string& name : names_in(newest_)) {
    const std::string whole = file_text(newest_ / name);
    for (const std::size_t place : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
      std::string changed = whole;
      changed[place] = static_cast<char>(changed[place] ^ 1);
      write_text(newest_ / name, changed);
      expect_passed_over(name + " is damaged");
    }
    write_text(newest_ / name, whole);
  }
}

TEST_F(Damaged, WithItsManifestCutShortAnywhereIsPassedOver) {
  const std::string whole = file_text(newest_ / "MANIFEST");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_text(newest_ / "MANIFEST", whole.substr(0, length));
    expect_passed_over("MANIFEST is damaged");
  }
}

TEST_F(Damaged, UnderItsTemporaryNameIsNotSeen) {
  fs::rename(newest_, newest_.string() + ".partial");
  std::vector<std::string> passed_over;
  EXPECT_EQ(open_checkpoint(folder_.path(), passed_over).step, 1);
  EXPECT_EQ(passed_over, std::vector<std::string>{});
  Training training(folder_.path());
  training.steps(1, 2);  // and is no hindrance to the next one
  EXPECT_EQ(open_checkpoint(folder_.path(), passed_over).step, 2);
  EXPECT_EQ(names_in(folder_.path() / "checkpoints"),
            (std::vector<std::string>{"step-000001", "step-000002"}));
}

TEST_F(Damaged, AllOfThemLeaveNothingToOpen) {
  fs::remove(newest_ / "MANIFEST");
  fs::remove(folder_.path() / "checkpoints/step-000001/state.json");
  std::vector<std::string> passed_over;
  const std::string below = folder_ / "checkpoints";
  EXPECT_EQ(thrown([&] { open_checkpoint(folder_.path(), passed_over); }),
            "'" + folder_.path().string() + "' has no checkpoint that is whole; looked at " + below + "\n  " +
                below + "/step-000002: MANIFEST is missing\n  " + below +
                "/step-000001: state.json is missing");
}

TEST(Checkpoint, IsNotThereWhereThereIsNone) {
  ScratchFolder folder;
  fs::create_directory(folder.path() / "001");
  std::vector<std::string> passed_over;
  EXPECT_EQ(thrown([&] { open_checkpoint(folder.path(), passed_over); }),
            "'" + folder.path().string() + "' has no checkpoint that is whole; looked at " +
                (folder / "checkpoints") + ", " + (folder / "001/checkpoints"));
  EXPECT_EQ(thrown([&] { open_checkpoint(folder.path() / "x", passed_over); }),
            "there is no directory '" + (folder / "x") + "'");
}

TEST(Checkpoint, IsNotRestoredIntoAnotherModel) {
  ScratchFolder folder;
  Training training(folder.path());
  training.steps(1, 1);
  std::vector<std::string> passed_over;
  const CheckpointFacts facts = open_checkpoint(folder.path(), passed_over);
  BenchRun other;
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
  BenchRun run;
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
  BenchRun run;
  load_weights(facts, "weights", run.table, run.live);
  EXPECT_EQ(run.get("model/b"), training.ema.state().at("model/b"));
}

TEST(Checkpoint, IsNotBegunWithoutRoomForIt) {
  ScratchFolder folder;
  const std::string message = thrown([&] { require_space(folder.path(), std::uint64_t{1} << 60); });
  EXPECT_TRUE(message.starts_with("'" + folder.path().string() + "' has ")) << message;
  EXPECT_TRUE(message.ends_with(" MB free, but 1152921504607 MB are needed; make room and resume"))
      << message;
}

TEST(Checkpoint, RefusesToKeepLessThanNone) {
  BenchRun run;
  EXPECT_EQ(thrown([&] { StepNode(run, "{type: checkpoint, keep: -1}"); }),
            "test.yaml:1:26: node 'node' (checkpoint): 'keep' is -1; it must be at least 0");
}

TEST(Manifest, ListsFilesByNameWithTheirChecksums) {
  EXPECT_EQ(manifest_text({{"b", 3, 0x1234}, {"a", 10, 0xffffffff}}).substr(0, 57),
            "dagfusion checkpoint, format 1\nffffffff 10 a\n00001234 3 b");
}

}  // namespace
}  // namespace dagfusion::tests
