#include "nodes/files/picture_archive.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "nodes/files/tar.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"
#include "tests/fixtures/zip_files.h"

namespace dagfusion::tests {
namespace {

using Names = std::vector<std::string>;
using Labels = std::vector<std::int32_t>;

void put(const std::string& path, const std::string& text) { save(path, {text.begin(), text.end()}); }

// A ustar archive; names beyond 100 bytes stand in an entry of GNU's kind L.
std::string tarred(const std::vector<std::pair<std::string, std::string>>& members) {
  const auto padded = [](std::string text) {
    text.resize((text.size() + 511) / 512 * 512);
    return text;
  };
  const auto entry = [&](const std::string& name, const std::string& body, char kind) {
    std::string head(512, '\0');
    const std::string bytes = fmt::format("{:011o}", body.size());
    head.replace(0, std::min<std::size_t>(name.size(), 100), name.substr(0, 100));
    head.replace(124, 11, bytes);
    head[156] = kind;
    head.replace(257, 5, "ustar");
    head.replace(148, 8, "        ");
    unsigned sum = 0;
    for (const char c : head) sum += static_cast<unsigned char>(c);
    head.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
    return head + padded(body);
  };
  std::string all;
  for (const auto& [name, body] : members) {
    if (name.size() > 100) all += entry("././@LongLink", name + '\0', 'L');
    all += entry(name, body, '0');
  }
  return all + std::string(1024, '\0');
}

struct Contents {
  Names names, classes, left_out, bytes;
  Labels labels;
};

Contents contents(const std::vector<std::filesystem::path>& paths, const std::string& labels = "auto") {
  PictureArchive archive(paths, labels);
  const PictureList list = archive.take_list();
  Contents all{.classes = list.classes, .left_out = list.left_out};
  for (std::size_t i = 0; i < list.files.size(); ++i) {
    all.names.push_back(list.files[i].name);
    all.labels.push_back(list.files[i].label);
    const std::vector<std::uint8_t> read = archive.read(i);
    all.bytes.emplace_back(read.begin(), read.end());
  }
  return all;
}

std::string complaint(const std::filesystem::path& path) {
  try {
    contents({path});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(PictureArchive, ReadsAZipWithFoldersForClasses) {
  ScratchFolder folder;
  for (const bool deflated : {false, true}) {
    put(folder / "a.zip",
        zipped(
            {{"dog/2.png", "two"}, {"cat/1.png", "one"}, {"readme.txt", ""}, {"__MACOSX/cat/._1.png", "x"}},
            deflated));
    const Contents read = contents({folder / "a.zip"});
    EXPECT_EQ(read.names, (Names{"cat/1.png", "dog/2.png"}));
    EXPECT_EQ(read.bytes, (Names{"one", "two"}));
    EXPECT_EQ(read.labels.size(), 2u);
    EXPECT_EQ(read.classes[static_cast<std::size_t>(read.labels[0])], "cat");
    EXPECT_EQ(read.classes[static_cast<std::size_t>(read.labels[1])], "dog");
    EXPECT_EQ(read.left_out,
              (Names{"1 file of other kinds is left out: 1 .txt", "1 hidden picture is left out"}));
  }
}

TEST(PictureArchive, TakesLabelsFromADatasetJsonInside) {
  ScratchFolder folder;
  put(folder / "a.zip",
      zipped({{"00000/img0.png", "x"}, {"dataset.json", R"({"labels": [["00000/img0.png", 2]]})"}}));
  const Contents read = contents({folder / "a.zip"});
  EXPECT_EQ(read.labels, (Labels{2}));
  EXPECT_EQ(read.classes, (Names{"0", "1", "2"}));
}

TEST(PictureArchive, ReadsShardsInTheMannerOfWebdataset) {
  ScratchFolder folder;
  const std::string long_name = std::string(120, 'n');
  put(folder / "2.tar", tarred({{"b.x.jpg", "bee"}, {"b.cls", "3\n"}}));
  put(folder / "10.tar", tarred({{long_name + ".png", "long"}, {long_name + ".cls", "0"}}));
  const Contents read = contents({folder / "2.tar", folder / "10.tar"});
  EXPECT_EQ(read.names, (Names{"b.x.jpg", long_name + ".png"}));
  EXPECT_EQ(read.bytes, (Names{"bee", "long"}));
  EXPECT_EQ(read.labels, (Labels{3, 0}));
  EXPECT_EQ(read.left_out, Names{});
}

TEST(PictureArchive, ReadsCompressedArchives) {
  ScratchFolder folder;
  const std::string plain = tarred({{"cat/a.png", "one"}, {"dog/b.png", std::string(5000, 'b')}});
  for (const auto& [ending, compress] :
       std::vector<std::pair<std::string, std::string>>{{".tar.gz", "gzip"},
                                                        {".tgz", "gzip"},
                                                        {".tar.bz2", "bzip2"},
                                                        {".tar.xz", "xz"},
                                                        {".tar.zst", "zstd -q"}}) {
    put(folder / "a.tar", plain);
    const std::string program = compress.substr(0, compress.find(' '));
    if (std::system(("command -v " + program + " >/dev/null").c_str()) != 0) continue;
    ASSERT_EQ(
        std::system((compress + " -c '" + folder / "a.tar" + "' >'" + folder / ("a" + ending) + "'").c_str()),
        0);
    const Contents read = contents({folder / ("a" + ending)});
    EXPECT_EQ(read.bytes, (Names{"one", std::string(5000, 'b')})) << ending;
    EXPECT_EQ(read.classes, (Names{"cat", "dog"})) << ending;
  }
  std::ifstream file(folder / "a.tgz", std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), {}};
  put(folder / "half.tgz", whole.substr(0, whole.size() / 2));
  EXPECT_EQ(complaint(folder / "half.tgz"),
            "'" + folder / "half.tgz" + "' is damaged or cut short: it cannot be unpacked");
}

TEST(PictureArchive, RefusesDamagedArchives) {
  ScratchFolder folder;
  put(folder / "a.zip", "hello, this is no archive at all");
  EXPECT_EQ(complaint(folder / "a.zip"),
            "'" + folder / "a.zip" + "' is no zip archive, or cut short: it has no directory at its end");
  put(folder / "a.tar", std::string(2048, 'x'));
  EXPECT_EQ(complaint(folder / "a.tar"), "'" + folder / "a.tar" + "' is no tar archive");
  put(folder / "b.tar", tarred({{"a.png", "x"}}).substr(0, 1024));
  EXPECT_EQ(complaint(folder / "b.tar"),
            "'" + folder / "b.tar" + "' is cut short: a tar archive without an end");
  std::string wrong = zipped({{"a.png", "right"}});
  wrong[wrong.find("right")] = 'w';
  put(folder / "c.zip", wrong);
  EXPECT_NE(complaint(folder / "c.zip").find("is damaged: its CRC-32 is "), std::string::npos);
}

}  // namespace
}  // namespace dagfusion::tests
