#include "nodes/files/new_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

template <class Act>
std::string complaint(const Act& act) {
  try {
    act();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

void fill(const NewFile& file, const std::string& text) { std::ofstream(file.part()) << text; }

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(NewFile, AppearsWhenItIsPublished) {
  ScratchFolder folder;
  NewFile file;
  file.start(folder / "b/a", false);
  fill(file, "whole");
  EXPECT_FALSE(fs::exists(folder / "b/a"));
  file.publish();
  EXPECT_EQ(text_of(folder / "b/a"), "whole");
  EXPECT_FALSE(fs::exists(folder / "b/a.part"));
}

TEST(NewFile, LetsOneAtATimeMakeAFile) {
  ScratchFolder folder;
  NewFile first, second;
  first.start(folder / "a", false);
  fill(first, "first");
  EXPECT_EQ(complaint([&] { second.start(folder / "a", true); }),
            "'" + folder / "a" + "' is being made by another process");
  EXPECT_EQ(text_of(folder / "a.part"), "first");
  first.publish();
  EXPECT_EQ(complaint([&] { second.start(folder / "a", false); }),
            "'" + folder / "a" + "' exists; choose another path, or say overwrite: true");
  second.start(folder / "a", true);
  fill(second, "second");
  second.publish();
  EXPECT_EQ(text_of(folder / "a"), "second");
}

TEST(NewFile, DoesNotReplaceWhatCameInTheMeantime) {
  ScratchFolder folder;
  NewFile file;
  file.start(folder / "a", false);
  fill(file, "new");
  std::ofstream(folder / "a") << "somebody else's";
  EXPECT_EQ(complaint([&] { file.publish(); }),
            "'" + folder / "a" + "' exists; choose another path, or say overwrite: true");
  file.abandon();
  EXPECT_EQ(text_of(folder / "a"), "somebody else's");
  EXPECT_FALSE(fs::exists(folder / "a.part"));
}

TEST(NewFile, TakesUpWhatAKilledProcessHasLeft) {
  ScratchFolder folder;
  std::ofstream(folder / "a.part") << "half";
  NewFile file;
  file.start(folder / "a", false);
  fill(file, "whole");
  file.publish();
  EXPECT_EQ(text_of(folder / "a"), "whole");
}

TEST(NewFile, KnowsWhatCannotBeWritten) {
  ScratchFolder folder;
  std::ofstream(folder / "file") << "x";
  EXPECT_EQ(why_not_writable(folder / "new/deep/a"), "");
  EXPECT_EQ(why_not_writable(folder / "file/a"), "'" + folder / "file" + "' is no folder");
}

}  // namespace
}  // namespace dagfusion::tests
