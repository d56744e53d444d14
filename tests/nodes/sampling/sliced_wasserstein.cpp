#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

// The distance between two heaps of images, as the file says it.
double distance(const Plain& samples, const Plain& reference, const std::string& more = "") {
  const ScratchFolder folder;
  OneNode node("{type: sliced_wasserstein" + more + "}", {{"samples", samples}, {"reference", reference}},
               {.directory = folder.path().string()});
  node.forward();
  dynamic_cast<Ordered&>(node.node()).finish(node.run());
  std::ifstream file(folder.path() / "distance.csv");
  std::string header, line;
  std::getline(file, header);
  std::getline(file, line);
  EXPECT_EQ(header, "images,distance");
  EXPECT_EQ(line.substr(0, line.find(',')), std::to_string(samples.shape[0]));
  return std::stod(line.substr(line.find(',') + 1));
}

Plain shifted(Plain images, float by) {
  for (float& v : images.values) v += by;
  return images;
}

// In one dimension every unit vector is 1 or -1: sorted 0, 1, 5 against 1, 2, 3 is sqrt((1 + 1 + 4) / 3).
TEST(SlicedWasserstein, ComparesSortedValuesInOneDimension) {
  EXPECT_NEAR(distance({{3, 1}, {5, 0, 1}}, {{3, 1}, {3, 1, 2}}), std::sqrt(2.0), 1e-5);
}

TEST(SlicedWasserstein, IsNothingBetweenTheSameImagesInAnyOrder) {
  EXPECT_EQ(distance({{2, 3}, {1, 2, 3, 4, 5, 6}}, {{2, 3}, {4, 5, 6, 1, 2, 3}}), 0);
}

// A shift by v moves every projection by <v, theta>; the mean of its square over unit vectors is |v|^2 / D.
TEST(SlicedWasserstein, OfAShiftIsItsLength) {
  const Plain images = gaussian({16, 1, 4, 4}, 1);
  EXPECT_NEAR(distance(images, shifted(images, 0.5f), ", directions: 20000"), 0.5 * 4, 0.03);
}

TEST(SlicedWasserstein, TellsWideFromNarrow) {
  Plain narrow = gaussian({64, 1, 4, 4}, 2);
  for (float& v : narrow.values) v *= 0.5f;
  EXPECT_GT(distance(narrow, gaussian({64, 1, 4, 4}, 3)),
            1.5 * distance(gaussian({64, 1, 4, 4}, 4), gaussian({64, 1, 4, 4}, 3)));
}

TEST(SlicedWasserstein, RefusesImagesOfTwoShapes) {
  try {
    OneNode("{type: sliced_wasserstein}",
            {{"samples", gaussian({2, 4}, 1)}, {"reference", gaussian({2, 5}, 1)}});
    ADD_FAILURE();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(),
                 "test.yaml:1:1: node 'node' (sliced_wasserstein): input 'reference' is [2,5], but input "
                 "'samples' is [2,4]: the sides from number 2 on must agree");
  }
}

}  // namespace
}  // namespace dagfusion::tests
