#include "nodes/files/run_directory.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

TEST(RunDirectory, TakesTheNextFreeNumber) {
  ScratchFolder folder;
  const std::filesystem::path parent = folder.path() / "runs/train";
  EXPECT_EQ(RunDirectory::create(parent).path(), parent / "001");
  EXPECT_EQ(RunDirectory::create(parent).path(), parent / "002");
  std::filesystem::create_directory(parent / "041");
  std::filesystem::create_directory(parent / "best");
  EXPECT_EQ(RunDirectory::create(parent).path(), parent / "042");
  EXPECT_EQ(RunDirectory::newest(parent), parent / "042");
}

TEST(RunDirectory, GoesBeyondThreeDigitsInOrder) {
  ScratchFolder folder;
  std::filesystem::create_directory(folder.path() / "999");
  EXPECT_EQ(RunDirectory::create(folder.path()).path(), folder.path() / "1000");
  EXPECT_EQ(RunDirectory::all(folder.path()),
            (std::vector<std::filesystem::path>{folder.path() / "1000", folder.path() / "999"}));
}

TEST(RunDirectory, GivesNoNumberTwice) {
  ScratchFolder folder;
  std::vector<std::thread> threads;
  std::vector<std::string> made(16);
  for (std::size_t i = 0; i < made.size(); ++i) {
    threads.emplace_back(
        [&, i] { made[i] = RunDirectory::create(folder.path()).path().filename().string(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::string>(made.begin(), made.end()).size(), made.size());
}

TEST(RunDirectory, HasNoNewestWhereThereIsNone) {
  ScratchFolder folder;
  EXPECT_EQ(RunDirectory::newest(folder.path()), std::nullopt);
  EXPECT_EQ(RunDirectory::newest(folder.path() / "nowhere"), std::nullopt);
}

TEST(RunDirectory, IsForOneProcessAtATime) {
  ScratchFolder folder;
  const auto path = folder.path() / "001";
  {
    const RunDirectory run = RunDirectory::create(folder.path());
    EXPECT_EQ(thrown([&] { RunDirectory::open(path); }),
              "'" + path.string() + "' is in use by process " + std::to_string(::getpid()));
  }
  EXPECT_EQ(RunDirectory::open(path).path(), path);  // free again
  EXPECT_EQ(thrown([&] { RunDirectory::open(folder.path() / "002"); }),
            "there is no run directory '" + (folder / "002") + "'");
}

TEST(RunDirectory, StaysLockedWhenItIsMoved) {
  ScratchFolder folder;
  RunDirectory first = RunDirectory::create(folder.path());
  const RunDirectory second = std::move(first);
  EXPECT_NE(thrown([&] { RunDirectory::open(folder.path() / "001"); }), "");
}

TEST(RunDirectory, WritesItsPipelineOnce) {
  ScratchFolder folder;
  const RunDirectory run = RunDirectory::create(folder.path());
  run.write_once("pipeline.yaml", "run: {}\n");
  run.write_once("pipeline.yaml", "other\n");
  run.write("machine.json", "{}");
  run.write("machine.json", "{\"threads\":2}");
  EXPECT_EQ(file_text(run.path() / "pipeline.yaml"), "run: {}\n");
  EXPECT_EQ(file_text(run.path() / "machine.json"), "{\"threads\":2}");
}

}  // namespace
}  // namespace dagfusion::tests
