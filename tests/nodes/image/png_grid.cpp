#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

OneNodeOptions bytes_in(const ScratchFolder& folder) {
  return {.directory = folder.path().string(), .dtypes = {{"x", DType::u8}}};
}

void finish(OneNode& node) { dynamic_cast<Ordered&>(node.node()).finish(node.run()); }

std::vector<int> pixels_of(const std::string& path) {
  const cv::Mat picture = cv::imread(path, cv::IMREAD_GRAYSCALE);
  std::vector<int> pixels;
  for (int y = 0; y < picture.rows; ++y)
    for (int x = 0; x < picture.cols; ++x) pixels.push_back(picture.at<std::uint8_t>(y, x));
  return pixels;
}

TEST(PngGrid, PutsImagesInASquareWithPadding) {
  ScratchFolder folder;
  // Three images of one pixel, two to a row, one black pixel between and around them; one place stays black.
  OneNode node("{type: png_grid, padding: 1}", {{"x", {{3, 1, 1, 1}, {10, 20, 30}}}}, bytes_in(folder));
  node.forward();
  finish(node);
  EXPECT_EQ(cv::imread(folder / "samples.png").size(), cv::Size(5, 5));
  EXPECT_EQ(pixels_of(folder / "samples.png"), (std::vector<int>{0, 0,  0, 0,  0,  //
                                                                 0, 10, 0, 20, 0,  //
                                                                 0, 0,  0, 0,  0,  //
                                                                 0, 30, 0, 0,  0,  //
                                                                 0, 0,  0, 0,  0}));
}

TEST(PngGrid, KeepsRedGreenAndBlueApart) {
  ScratchFolder folder;
  OneNode node("{type: png_grid, padding: 0, path: a/b.png}", {{"x", {{1, 3, 1, 1}, {200, 100, 50}}}},
               bytes_in(folder));
  node.forward();
  finish(node);
  EXPECT_EQ(cv::imread(folder / "a/b.png").at<cv::Vec3b>(0, 0), cv::Vec3b(50, 100, 200));
}

TEST(PngGrid, GathersFramesAndLeavesFillingOut) {
  ScratchFolder folder;
  OneNode node("{type: png_grid, padding: 0, columns: 4}", {{"x", {{2, 1, 1, 1}, {1, 2}}}}, bytes_in(folder));
  node.forward();
  node.set_input("x", {3, 4});
  node.at(2, 0, 1);
  node.forward();
  finish(node);
  EXPECT_EQ(pixels_of(folder / "samples.png"), (std::vector<int>{1, 2, 3}));
}

TEST(PngGrid, GivesEveryImageARowOfItsStages) {
  ScratchFolder folder;
  // Two images, three stages each.
  OneNode node("{type: png_grid, padding: 0}", {{"x", {{2, 3, 1, 1, 1}, {1, 2, 3, 4, 5, 6}}}},
               bytes_in(folder));
  node.forward();
  finish(node);
  EXPECT_EQ(cv::imread(folder / "samples.png").size(), cv::Size(3, 2));
  EXPECT_EQ(pixels_of(folder / "samples.png"), (std::vector<int>{1, 2, 3, 4, 5, 6}));
}

TEST(PngGrid, ShowsNoMoreThanItsLimit) {
  ScratchFolder folder;
  OneNode node("{type: png_grid, padding: 0, columns: 4, limit: 3}", {{"x", {{2, 1, 1, 1}, {1, 2}}}},
               bytes_in(folder));
  node.forward();
  node.forward();
  node.forward();
  finish(node);
  EXPECT_EQ(pixels_of(folder / "samples.png"), (std::vector<int>{1, 2, 1}));
}

TEST(PngGrid, OverwritesNothingAndStartsAfreshAfterARun) {
  ScratchFolder folder;
  OneNode node("{type: png_grid, padding: 0}", {{"x", {{1, 1, 1, 1}, {1}}}}, bytes_in(folder));
  for (float value : {1.0f, 2.0f, 3.0f}) {
    node.set_input("x", {value});
    node.forward();
    finish(node);
  }
  EXPECT_EQ(pixels_of(folder / "samples.png"), std::vector<int>{1});
  EXPECT_EQ(pixels_of(folder / "samples-2.png"), std::vector<int>{2});
  EXPECT_EQ(pixels_of(folder / "samples-3.png"), std::vector<int>{3});
}

TEST(PngGrid, WritesNothingWhenNoImageCame) {
  ScratchFolder folder;
  OneNode node("{type: png_grid}", {{"x", {{1, 1, 1, 1}, {1}}}}, bytes_in(folder));
  finish(node);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(PngGrid, LeavesNoHalfPictureBehind) {
  ScratchFolder folder;
  std::filesystem::create_directory(folder / "samples.png.part");  // so that the picture cannot be written
  OneNode node("{type: png_grid}", {{"x", {{1, 1, 1, 1}, {1}}}}, bytes_in(folder));
  node.forward();
  try {
    finish(node);
    FAIL() << "the picture was written";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), "'" + folder / "samples.png" + "' cannot be written: Is a directory");
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "samples.png"));
}

TEST(PngGrid, RefusesWhatIsNoPicture) {
  ScratchFolder folder;
  const std::string node = "node 'node' (png_grid): ";
  const auto message = [&](const std::string& yaml, Shape shape) {
    const std::string text = refusal(yaml, {{"x", numbered(std::move(shape))}}, bytes_in(folder));
    return text.substr(std::min(text.size(), text.find("node '")));
  };
  EXPECT_EQ(message("{type: png_grid}", {2, 2, 4, 4}),
            node + "input 'x' is [2,2,4,4] with 2 channels; a PNG file takes 1 or 3");
  EXPECT_EQ(message("{type: png_grid}", {2, 3}),
            node + "input 'x' is [2,3]; images are [N,C,H,W], stages of images [N,K,C,H,W]");
  EXPECT_EQ(message("{type: png_grid, path: a.jpg}", {1, 1, 4, 4}),
            node + "'path' is 'a.jpg'; it must end in .png");
  EXPECT_EQ(message("{type: png_grid, columns: 2}", {1, 5, 1, 4, 4}),
            node + "'columns' is 2, but the 5 stages of [1,5,1,4,4] make a row; leave it out");
}

// The bands below images are 10 pixels high; the letters of a name leave the image alone.
TEST(PngGrid, WritesNamesBelowImages) {
  ScratchFolder folder;
  OneNodeOptions options = bytes_in(folder);
  options.dtypes["label"] = DType::i32;
  options.classes = {"ant", "bee"};
  OneNode node("{type: png_grid, padding: 1, columns: 3}",
               {{"x", {{3, 1, 16, 24}, std::vector<float>(3 * 16 * 24, 7)}}, {"label", {{3}, {1, 0, -1}}}},
               options);
  node.forward();
  finish(node);
  const cv::Mat picture = cv::imread(folder / "samples.png", cv::IMREAD_GRAYSCALE);
  ASSERT_EQ(picture.size(), cv::Size(3 * 25 + 1, 16 + 1 + 10 + 1));
  std::vector<cv::Mat> names;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cv::countNonZero(picture(cv::Rect(1 + 25 * i, 1, 24, 16)) != 7), 0);
    names.push_back(picture(cv::Rect(1 + 25 * i, 17, 24, 10)));
    EXPECT_GT(cv::countNonZero(names.back() > 100), 10);
  }
  EXPECT_GT(cv::countNonZero(names[0] != names[1]), 10);
  EXPECT_GT(cv::countNonZero(names[1] != names[2]), 10);
}

TEST(PngGrid, CutsNamesThatAreWiderThanAnImage) {
  ScratchFolder folder;
  OneNodeOptions options = bytes_in(folder);
  options.dtypes["label"] = DType::i32;
  options.classes = {"a very long name of a class"};
  OneNode node("{type: png_grid, padding: 1, columns: 2}",
               {{"x", {{1, 1, 16, 24}, std::vector<float>(16 * 24, 7)}}, {"label", {{1}, {0}}}}, options);
  node.forward();
  finish(node);
  const cv::Mat picture = cv::imread(folder / "samples.png", cv::IMREAD_GRAYSCALE);
  EXPECT_EQ(cv::countNonZero(picture.col(25)), 0);
}

}  // namespace
}  // namespace dagfusion::tests
