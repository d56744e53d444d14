#include <gtest/gtest.h>

#include "tests/fixtures/checkpointed_training.h"

namespace dagfusion::tests {
namespace {

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
            "'" + folder_.path().string() + "' has no valid checkpoint; looked at " + below + "\n  " + below +
                "/step-000002: MANIFEST is missing\n  " + below + "/step-000001: state.json is missing");
}

TEST(Checkpoint, IsNotThereWhereThereIsNone) {
  ScratchFolder folder;
  fs::create_directory(folder.path() / "001");
  std::vector<std::string> passed_over;
  EXPECT_EQ(thrown([&] { open_checkpoint(folder.path(), passed_over); }),
            "'" + folder.path().string() + "' has no valid checkpoint; looked at " +
                (folder / "checkpoints") + ", " + (folder / "001/checkpoints"));
  EXPECT_EQ(thrown([&] { open_checkpoint(folder.path() / "x", passed_over); }),
            "there is no directory '" + (folder / "x") + "'");
}

}  // namespace
}  // namespace dagfusion::tests
