#include "nodes/files/many_files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "nodes/files/durable.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

std::ptrdiff_t files_in(const fs::path& folder) { return std::distance(fs::directory_iterator(folder), {}); }

TEST(ManyFiles, GetTheirNamesTogether) {
  ScratchFolder folder;
  ManyFiles files;
  for (int i = 0; i < 20; ++i) files.add(folder.path() / fmt::format("{}/{}", i % 2, i), Bytes{'a', 'b'});
  EXPECT_TRUE(fs::exists(folder / "0/0.part"));
  EXPECT_FALSE(fs::exists(folder / "0/0"));
  files.publish();
  EXPECT_EQ(read_text(folder / "1/19"), "ab");
  EXPECT_EQ(files_in(folder / "0"), 10);
  EXPECT_EQ(files_in(folder / "1"), 10);
}

TEST(ManyFiles, GetTheirNamesWhenARunBreaks) {
  ScratchFolder folder;
  {
    ManyFiles files;
    files.add(folder / "a", Bytes{'a'});
  }
  EXPECT_EQ(files_in(folder.path()), 1);
  EXPECT_EQ(read_text(folder / "a"), "a");
}

TEST(ManyFiles, DoNotWaitForTheEndOfVeryMany) {
  ScratchFolder folder;
  ManyFiles files;
  for (int i = 0; i < 1030; ++i) files.add(folder.path() / std::to_string(i), {});
  EXPECT_TRUE(fs::exists(folder / "1023"));
  EXPECT_FALSE(fs::exists(folder / "1024"));
}

TEST(ManyFiles, SayWhyOneCannotBeWritten) {
  ScratchFolder folder;
  fs::create_directory(folder / "a.part");
  ManyFiles files;
  try {
    files.add(folder / "a", {});
    FAIL() << "it was written";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), "'" + folder / "a" + "' cannot be written: Is a directory");
  }
}

}  // namespace
}  // namespace dagfusion::tests
