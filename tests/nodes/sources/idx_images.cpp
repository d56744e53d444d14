#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

const Bytes kImages = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 10, 11, 20, 21, 30, 31};
const Bytes kLabels = {0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 2};

void save_gzipped(const std::string& path, const Bytes& bytes) {
  const gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

std::string yaml(const ScratchFolder& folder, const std::string& labels = "") {
  return "{type: idx_images, path: '" + folder / "x" + "'" +
         (labels.empty() ? "" : ", labels: '" + folder / labels + "'") + "}";
}

std::string said(const std::string& message) {
  return message.substr(std::min(message.size(), message.find("node '")));
}

TEST(IdxImages, ReadsImagesAndLabelsCompressedOrNot) {
  ScratchFolder folder;
  for (const bool gzipped : {false, true}) {
    (gzipped ? save_gzipped : save)(folder / "x", kImages);
    (gzipped ? save_gzipped : save)(folder / "y", kLabels);
    OneNode node(yaml(folder, "y"), {}, {}, 2);
    node.at(1);
    node.forward();
    EXPECT_EQ(node.output("images").shape, (Shape{2, 1, 1, 2}));
    EXPECT_EQ(node.output("images").values, (std::vector<float>{20, 21, 30, 31}));
    EXPECT_EQ(node.output("label").values, (std::vector<float>{0, 2}));
    EXPECT_EQ(dynamic_cast<const DataSet&>(node.node()).class_names().size(), 8u);
  }
}

TEST(IdxImages, RefusesWhatIsNoneOrCutShort) {
  ScratchFolder folder;
  const auto refused = [&](const Bytes& bytes) {
    save(folder / "x", bytes);
    return said(refusal(yaml(folder), {}));
  };
  const std::string start = "node 'node' (idx_images): '" + folder / "x" + "' ";
  EXPECT_EQ(refused({'h', 'e', 'l', 'l', 'o'}), start + "is no IDX file");
  EXPECT_EQ(refused({0, 0, 0x0D, 3, 0, 0, 0, 1}),
            start + "holds numbers of kind 0x0d; only bytes (0x08) are read");
  EXPECT_EQ(refused(Bytes(kImages.begin(), kImages.end() - 1)), start + "is cut short");
  EXPECT_EQ(refused(kLabels), start + "holds [3], not images [N,H,W]");
  Bytes longer = kImages;
  longer.push_back(1);
  EXPECT_EQ(refused(longer), start + "holds more than its [3,1,2] say");
  Bytes huge = kImages;
  huge[4] = huge[8] = 0xFF;
  EXPECT_EQ(refused(huge), start + "says it has [4278190083,4278190081]");
}

TEST(IdxImages, RefusesLabelsOfAnotherNumber) {
  ScratchFolder folder;
  save(folder / "x", kImages);
  save(folder / "y", {0, 0, 8, 1, 0, 0, 0, 1, 7});
  EXPECT_EQ(said(refusal(yaml(folder, "y"), {})),
            "node 'node' (idx_images): 'labels' has 1 of them, but there are 3 images");
}

}  // namespace
}  // namespace dagfusion::tests
