#include "tests/fixtures/measured.h"

namespace dagfusion::tests {
namespace {

// Samples 0 and 10, real ones 9, 2, 30, 4: 10 is 1 away from 9, 0 is 2 away from 2.
TEST(NearestImages, OrdersByTheClosestPair) {
  const ScratchFolder folder;
  OneNode node("{type: nearest_images, neighbours: 1}",
               {{"samples", {{2, 1}, {0, 10}}},
                {"reference", {{2, 1}, {9, 2}}},
                {"drawn", {{2, 1, 1, 1}, {100, 200}}},
                {"real", {{2, 1, 1, 1}, {201, 101}}}},
               {.directory = folder.path().string(), .dtypes = {{"drawn", DType::u8}, {"real", DType::u8}}});
  node.forward();
  dynamic_cast<Ordered&>(node.node()).finish(node.run());
  const auto scores = scores_in(folder.path() / "nearest.csv");
  EXPECT_EQ(scores.at("images"), 2);
  EXPECT_EQ(scores.at("closest"), 1);
  EXPECT_EQ(scores.at("median"), 1);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "nearest.png"));
}

TEST(NearestImages, RefusesWhatIsNoPicture) {
  const OneNodeOptions bytes = {.dtypes = {{"drawn", DType::u8}, {"real", DType::u8}}};
  const auto inputs = [](std::int64_t channels) {
    const Plain features = gaussian({2, 3}, 1), pictures = numbered({2, channels, 2, 2});
    return std::map<std::string, Plain>{
        {"samples", features}, {"reference", features}, {"drawn", pictures}, {"real", pictures}};
  };
  EXPECT_EQ(refusal("{type: nearest_images}", inputs(2), bytes),
            "test.yaml:1:1: node 'node' (nearest_images): input 'drawn' is [2,2,2,2] with 2 channels; a PNG "
            "file takes "
            "1 or 3");
  EXPECT_EQ(refusal("{type: nearest_images, path: a.jpg}", inputs(3), bytes),
            "test.yaml:1:30: node 'node' (nearest_images): 'path' is 'a.jpg'; it must end in .png");
}

}  // namespace
}  // namespace dagfusion::tests
