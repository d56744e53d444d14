#include "nodes/files/picture_list.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

void put(const ScratchFolder& folder, const std::string& name, const std::string& text = "x") {
  fs::create_directories((folder.path() / name).parent_path());
  std::ofstream(folder / name) << text;
}

Lines names(const PictureList& list) {
  Lines all;
  for (const PictureFile& file : list.files) all.push_back(file.name);
  return all;
}

std::vector<std::int32_t> labels(const PictureList& list) {
  std::vector<std::int32_t> all;
  for (const PictureFile& file : list.files) all.push_back(file.label);
  return all;
}

template <class Act>
std::string complaint(const Act& act) {
  try {
    act();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(PictureList, CountsWhatIsLeftOutByKind) {
  ScratchFolder folder;
  for (const char* name : {"a.png", "b.JFIF", "c.jpe", "scan.psd", "d.PSD", "clip.mp4", "e.TIF", "LICENSE",
                           ".b.png", ".ipynb_checkpoints/a.png"})
    put(folder, name);
  const PictureList list = list_pictures(folder.path(), true);
  EXPECT_EQ(names(list), (Lines{"a.png", "b.JFIF", "c.jpe", "e.TIF"}));
  EXPECT_EQ(list.left_out, (Lines{"4 files of other kinds are left out: 1 .mp4, 2 .psd, 1 without an ending",
                                  "1 hidden folder is left out", "1 hidden picture is left out"}));
}

TEST(PictureList, NamesLinksThatAreNotFollowed) {
  ScratchFolder folder, elsewhere;
  put(elsewhere, "dog/a.png");
  put(folder, "cat/a.png");
  fs::create_symlink(elsewhere.path() / "dog", folder.path() / "dog");
  fs::create_symlink("gone.png", folder.path() / "dangling.png");
  fs::create_symlink("loop.png", folder.path() / "loop.png");
  fs::create_symlink("cat/a.png", folder.path() / "linked.png");
  const PictureList list = list_pictures(folder.path(), true);
  EXPECT_EQ(names(list), (Lines{"cat/a.png", "linked.png"}));
  EXPECT_EQ(list.left_out, (Lines{"links to folders are not followed: 'dog'",
                                  "links that lead to no file are left out: 'dangling.png', 'loop.png'"}));
}

TEST(PictureList, NumbersClassesInNaturalOrderAndKeepsEmptyOnes) {
  ScratchFolder folder;
  for (const char* name : {"10/a.png", "2/a.png", "1/notes.txt", ".git/a.png", "top.png"}) put(folder, name);
  PictureList list = list_pictures(folder.path(), true);
  label_by_folder(list, folder.path());
  EXPECT_EQ(list.classes, (Lines{"1", "2", "10"}));
  EXPECT_EQ(names(list), (Lines{"10/a.png", "2/a.png", "top.png"}));
  EXPECT_EQ(labels(list), (std::vector<std::int32_t>{2, 1, -1}));
  EXPECT_EQ(class_counts(list.classes, {0, 1, 1}), "0 '1' 0, 1 '2' 1, 2 '10' 1");
}

TEST(PictureList, ComparesDigitsAsNumbers) {
  EXPECT_TRUE(natural_less("a2", "a10"));
  EXPECT_FALSE(natural_less("a10", "a2"));
  EXPECT_TRUE(natural_less("a02b", "a2c"));
  EXPECT_TRUE(natural_less("a", "a1"));
  EXPECT_NE(natural_less("01", "1"), natural_less("1", "01"));
  EXPECT_FALSE(natural_less("7", "7"));
}

TEST(PictureList, TakesLabelsFromADatasetJson) {
  ScratchFolder folder;
  put(folder, "00000/a.png");
  put(folder, "00000/b.png");
  put(folder, "00000/c.png");
  put(folder, "dataset.json",
      R"({"labels": [["00000/a.png", 6], ["00000/b.png", [0, 1, 0]], ["gone.png", 0]]})");
  PictureList list = list_pictures(folder.path(), true);
  list.left_out.clear();
  label_by_file(list, label_file_in(folder.path()));
  EXPECT_EQ(labels(list), (std::vector<std::int32_t>{6, 1, -1}));
  EXPECT_EQ(list.classes, (Lines{"0", "1", "2", "3", "4", "5", "6"}));
  EXPECT_EQ(list.left_out, (Lines{"1 picture has no label in dataset.json, so their label is -1",
                                  "dataset.json labels a picture, such as 'gone.png', which is not there"}));
}

TEST(PictureList, TakesLabelsFromJsonLinesAndCsv) {
  ScratchFolder folder;
  put(folder, "a.png");
  put(folder, "b, c.png");
  put(folder, "metadata.jsonl",
      "{\"file_name\": \"a.png\", \"label\": \"dog\"}\n\n{\"file_name\": \"b, c.png\", \"label\": "
      "\"cat\"}\n");
  PictureList list = list_pictures(folder.path(), true);
  label_by_file(list, folder / "metadata.jsonl");
  EXPECT_EQ(list.classes, (Lines{"cat", "dog"}));
  EXPECT_EQ(labels(list), (std::vector<std::int32_t>{1, 0}));

  put(folder, "labels.csv", "file,class,x\r\na.png,3,\r\n\"b, c.png\",1,\"say \"\"hi\"\"\"\r\n");
  PictureList other = list_pictures(folder.path(), true);
  label_by_file(other, folder / "labels.csv");
  EXPECT_EQ(other.classes, (Lines{"0", "1", "2", "3"}));
  EXPECT_EQ(labels(other), (std::vector<std::int32_t>{3, 1}));
}

TEST(PictureList, RefusesFilesOfLabelsThatAreNone) {
  ScratchFolder folder;
  put(folder, "a.png");
  const auto with = [&](const std::string& name, const std::string& text) {
    put(folder, name, text);
    PictureList list = list_pictures(folder.path(), true);
    const std::string start = "'" + folder / name + "' ",
                      said = complaint([&] { label_by_file(list, folder / name); });
    EXPECT_EQ(said.substr(0, start.size()), start);
    return said.substr(std::min(said.size(), start.size()));
  };
  EXPECT_EQ(with("dataset.json", "{}"), "has no \"labels\" as StyleGAN's and EDM's dataset.json have");
  EXPECT_EQ(with("dataset.json", R"({"labels": [["a.png", -3]]})"),
            "has a label of 'a.png' that is no class: -3");
  EXPECT_EQ(with("dataset.json", R"({"labels": [7]})"),
            "has \"labels\" that are no pairs of a name and a label");
  EXPECT_EQ(with("dataset.json", R"({"labels": [["a.png", 2000000]]})"),
            "has a label 2000000; the limit is 1000000 classes");
  EXPECT_EQ(with("dataset.json", R"({"labels": [["a.png", 1], ["b.png", "cat"]]})"),
            "has both numbers and names for labels, such as 1 and 'cat'");
  EXPECT_EQ(with("m.jsonl", "{\"file_name\": \"a.png\"}\n"), "has a line 1 without \"label\"");
  EXPECT_EQ(with("l.csv", "file,score\na.png,1\n"),
            "has no column 'label' in its first line; it has file, score");
  EXPECT_EQ(with("l.csv", "file,label\na.png\n"), "has 1 fields in line 2, 2 in its first");
  EXPECT_NE(with("dataset.json", "{\"labels\": [").find("is no JSON: "), std::string::npos);
}

}  // namespace
}  // namespace dagfusion::tests
