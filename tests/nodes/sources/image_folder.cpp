#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

// Pictures of one pixel, which is as grey as their number.
void put(const ScratchFolder& folder, const std::string& name, int grey) {
  fs::create_directories((folder.path() / name).parent_path());
  save(folder / name, encoded(".png", cv::Mat(1, 1, CV_8UC1, cv::Scalar(grey))));
}

std::string yaml(const ScratchFolder& folder, const std::string& more = "") {
  return "{type: image_folder, path: '" + folder.path().string() + "'" + more + "}";
}

std::vector<std::string> names(const OneNode& node) {
  std::vector<std::string> all;
  for (const Image& image : node.output_images("images")) all.push_back(image.name);
  return all;
}

std::string without_place(const std::string& message) {
  return message.substr(std::min(message.size(), message.find("node '")));
}

TEST(ImageFolder, ReadsPicturesInTheOrderOfTheirPaths) {
  ScratchFolder folder;
  put(folder, "b/2.png", 3);
  put(folder, "b/10.PNG", 2);
  put(folder, "a/z.png", 1);
  put(folder, "B.png", 0);
  OneNode node(yaml(folder), {}, {}, 4);
  node.forward();
  EXPECT_EQ(names(node), (std::vector<std::string>{"B.png", "a/z.png", "b/10.PNG", "b/2.png"}));
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(node.output_images("images")[i].pixels, Bytes(3, static_cast<std::uint8_t>(i)));
  EXPECT_EQ(dynamic_cast<const DataSet&>(node.node()).size(), 4);
}

TEST(ImageFolder, LabelsByTheFirstFolder) {
  ScratchFolder folder;
  put(folder, "cat/x/1.png", 0);
  put(folder, "cat/2.png", 0);
  put(folder, "bird/1.png", 0);
  put(folder, "zebra.png", 0);
  OneNode node(yaml(folder), {}, {}, 4);
  node.forward();
  EXPECT_EQ(names(node), (std::vector<std::string>{"bird/1.png", "cat/2.png", "cat/x/1.png", "zebra.png"}));
  EXPECT_EQ(node.output("label").values, (std::vector<float>{0, 1, 1, -1}));
  EXPECT_EQ(dynamic_cast<const DataSet&>(node.node()).class_names(),
            (std::vector<std::string>{"bird", "cat"}));
}

TEST(ImageFolder, LeavesOtherAndHiddenFilesOut) {
  ScratchFolder folder;
  put(folder, "1.png", 0);
  put(folder, "a/2.png", 0);
  put(folder, "._1.png", 0);
  save(folder / "README.md", {'h', 'i'});
  OneNode all(yaml(folder), {}, {}, 1);
  EXPECT_EQ(dynamic_cast<const DataSet&>(all.node()).size(), 2);
  OneNode flat(yaml(folder, ", recursive: false"), {}, {}, 1);
  EXPECT_EQ(dynamic_cast<const DataSet&>(flat.node()).size(), 1);
}

TEST(ImageFolder, MakesPicturesGreyAndPutsABackgroundBehindThem) {
  ScratchFolder folder;
  save(folder / "clear.png", encoded(".png", cv::Mat(1, 1, CV_8UC4, cv::Scalar(0, 0, 0, 0))));
  OneNode node(yaml(folder, ", channels: 1, background: [9, 9, 9]"), {}, {}, 1);
  node.forward();
  EXPECT_EQ(node.output_images("images")[0].channels, 1);
  EXPECT_EQ(node.output_images("images")[0].pixels, Bytes{9});
}

TEST(ImageFolder, HasAFingerprintOfNamesAndSizes) {
  ScratchFolder folder, same, other;
  put(folder, "1.png", 0);
  put(same, "1.png", 0);
  put(other, "2.png", 0);
  const auto fingerprint = [](const ScratchFolder& of) {
    OneNode node(yaml(of), {}, {}, 1);
    return dynamic_cast<const DataSet&>(node.node()).fingerprint();
  };
  EXPECT_EQ(fingerprint(folder), fingerprint(same));
  EXPECT_NE(fingerprint(folder), fingerprint(other));
}

TEST(ImageFolder, StopsAtADamagedFileAndNamesIt) {
  ScratchFolder folder;
  save(folder / "broken.jpg", {'h', 'i'});
  OneNode node(yaml(folder), {}, {}, 1);
  try {
    node.forward();
    FAIL() << "the file was read";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(
        std::string(error.what())
            .find("'" + folder / "broken.jpg" +
                  "' is no picture that is read: PNG, JPEG, WebP, BMP, TIFF, GIF, HEIC, AVIF or JPEG XL"),
        std::string::npos);
  }
}

TEST(ImageFolder, RefusesAFolderWithoutPictures) {
  ScratchFolder folder;
  const std::string start = "node 'node' (image_folder): 'path' is ", root = folder.path().string();
  EXPECT_EQ(
      without_place(refusal(yaml(folder), {})),
      start + root +
          ", which holds no picture that is read (PNG, JPEG, WebP, BMP, TIFF, GIF, HEIC, AVIF, JPEG XL)");
  EXPECT_EQ(without_place(refusal(yaml(folder, ", recursive: false"), {})),
            start + root +
                ", which holds no picture that is read (PNG, JPEG, WebP, BMP, TIFF, GIF, HEIC, AVIF, JPEG "
                "XL); 'recursive: true' looks into its folders too");
  save(folder / "file", {});
  EXPECT_EQ(without_place(refusal("{type: image_folder, path: '" + folder / "file" + "'}", {})),
            start + folder / "file" + ", which is not a folder");
  EXPECT_EQ(without_place(refusal("{type: image_folder, path: '" + folder / "nowhere" + "'}", {})),
            start + folder / "nowhere" + ", which does not exist");
}

TEST(ImageFolder, RefusesColoursAndChannelsThatAreNone) {
  ScratchFolder folder;
  put(folder, "1.png", 0);
  const std::string start = "node 'node' (image_folder): ";
  EXPECT_EQ(without_place(refusal(yaml(folder, ", background: [0, 256, 0]"), {})),
            start + "'background' is [0, 256, 0]; it takes red, green and blue, each from 0 to 255");
  EXPECT_EQ(without_place(refusal(yaml(folder, ", background: [0]"), {})),
            start + "'background' is [0]; it takes red, green and blue, each from 0 to 255");
  EXPECT_EQ(without_place(refusal(yaml(folder, ", channels: 2"), {})),
            start + "'channels' is 2; it takes 1 (grey) or 3 (red, green, blue)");
}

}  // namespace
}  // namespace dagfusion::tests
