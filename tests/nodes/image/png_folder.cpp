#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

OneNodeOptions bytes_in(const ScratchFolder& folder) {
  return {.directory = folder.path().string(), .dtypes = {{"x", DType::u8}}};
}

void finish(OneNode& node) { dynamic_cast<Ordered&>(node.node()).finish(node.run()); }

std::string yaml(const std::string& path, const std::string& more = "") {
  return "{type: png_folder, path: '" + path + "'" + more + "}";
}

std::string without_place(const std::string& message) {
  return message.substr(std::min(message.size(), message.find("node '")));
}

TEST(PngFolder, NamesFilesByTheNumberOfTheImage) {
  ScratchFolder folder;
  OneNode node("{type: png_folder}", {{"x", {{2, 3, 1, 1}, {10, 20, 30, 40, 50, 60}}}}, bytes_in(folder));
  node.forward();
  node.at(100000, 0, 1);  // the second image only fills the frame
  node.forward();
  finish(node);
  EXPECT_EQ(cv::imread(folder / "samples/00000.png").at<cv::Vec3b>(0, 0), cv::Vec3b(30, 20, 10));
  EXPECT_EQ(cv::imread(folder / "samples/00001.png").at<cv::Vec3b>(0, 0), cv::Vec3b(60, 50, 40));
  EXPECT_TRUE(fs::exists(folder / "samples/100000.png"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "samples"), {}), 3);
}

TEST(PngFolder, RefusesAFolderThatIsNotEmpty) {
  ScratchFolder folder;
  save(folder / "note", {});
  EXPECT_EQ(
      without_place(refusal(yaml(folder.path().string()), {{"x", numbered({1, 1, 1, 1})}}, bytes_in(folder))),
      "node 'node' (png_folder): '" + folder.path().string() +
          "' exists and is not empty; choose another path, or say overwrite: true");
  EXPECT_EQ(refusal(yaml(folder.path().string(), ", overwrite: true"), {{"x", numbered({1, 1, 1, 1})}},
                    bytes_in(folder)),
            "");
}

TEST(PngFolder, RefusesAFolderThatFilledUpSinceTheCheck) {
  ScratchFolder folder;
  OneNode node("{type: png_folder}", {{"x", numbered({1, 1, 1, 1})}}, bytes_in(folder));
  node.forward();
  finish(node);
  try {
    node.forward();  // another run into the same folder
    FAIL() << "files were overwritten";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), "'" + folder / "samples" +
                                "' exists and is not empty; choose another path, or say overwrite: true");
  }
}

TEST(PngFolder, RefusesWhatIsNoPicture) {
  ScratchFolder folder;
  EXPECT_EQ(without_place(refusal("{type: png_folder}", {{"x", numbered({1, 2, 4, 4})}}, bytes_in(folder))),
            "node 'node' (png_folder): input 'x' is [1,2,4,4] with 2 channels; a PNG file takes 1 or 3");
}

}  // namespace
}  // namespace dagfusion::tests
