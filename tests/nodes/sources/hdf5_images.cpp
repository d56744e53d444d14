#include <gtest/gtest.h>

#include "nodes/files/image_file.h"
#include "tests/fixtures/hdf5_files.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

std::string yaml(const std::string& path, const std::string& more = "") {
  return "{type: hdf5_images, path: '" + path + "'" + more + "}";
}

std::string without_place(const std::string& message) {
  return message.substr(std::min(message.size(), message.find("node '")));
}

TEST(Hdf5Images, ReadsFilesOfOtherPrograms) {
  ScratchFolder folder;
  for (const bool latest : {false, true}) {  // h5py writes the oldest format that will do
    {
      NewHdf5 file(folder / "a.h5", latest);
      file.images({3, 2, 2, 3});
      file.numbers("labels", {5, -1, 7});
    }
    OneNode node(yaml(folder / "a.h5", ", labels: true"), {}, {}, 2);
    node.at(1);
    node.forward();
    // Image 1 holds the bytes 12 … 23, three for each pixel; planes take every third.
    EXPECT_EQ(node.output("images").shape, (Shape{2, 3, 2, 2}));
    const std::vector<float> images = node.output("images").values;
    EXPECT_EQ(std::vector<float>(images.begin(), images.begin() + 12),
              (std::vector<float>{12, 15, 18, 21, 13, 16, 19, 22, 14, 17, 20, 23}));
    EXPECT_EQ(node.output("label").values, (std::vector<float>{-1, 7}));
    EXPECT_EQ(dynamic_cast<const DataSet&>(node.node()).size(), 3);
  }
}

TEST(Hdf5Images, GivesMinusOneForClassesThatTheFileDoesNotKnow) {
  ScratchFolder folder;
  NewHdf5(folder / "a.h5").images({2, 2, 2, 1});
  OneNode node(yaml(folder / "a.h5"), {}, {}, 2);
  node.forward();
  EXPECT_EQ(node.output("label").values, (std::vector<float>{-1, -1}));
  EXPECT_EQ(
      without_place(refusal(yaml(folder / "a.h5", ", labels: true"), {})),
      "node 'node' (hdf5_images): 'labels' is true, but '" + folder / "a.h5" + "' has no dataset '/labels'");
}

TEST(Hdf5Images, KnowsAsManyClassesAsItsLargestLabelSays) {
  ScratchFolder folder;
  const auto classes = [&](const std::vector<std::int64_t>& labels) {
    {
      NewHdf5 file(folder / "a.h5");
      file.images({2, 2, 2, 1});
      if (!labels.empty()) file.numbers("labels", labels);
    }
    OneNode node(yaml(folder / "a.h5"), {}, {}, 2);
    return dynamic_cast<const DataSet&>(node.node()).class_names();
  };
  EXPECT_EQ(classes({}), std::vector<std::string>{});
  EXPECT_EQ(classes({2, -1}), (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(classes({65536, 0}), std::vector<std::string>{});  // hardly a class
}

TEST(Hdf5Images, ReadsAChunkThatDeflateCouldNotShrink) {
  ScratchFolder folder;
  {
    NewHdf5 file(folder / "a.h5");
    file.images({1, 1, 4, 1});
    const hid_t images = H5Dopen2(file, "images", H5P_DEFAULT);
    const Bytes raw = {9, 8, 7, 6};
    const hsize_t offset[4] = {};
    H5Dwrite_chunk(images, H5P_DEFAULT, 1, offset, raw.size(), raw.data());
    H5Dclose(images);
  }
  OneNode node(yaml(folder / "a.h5"), {}, {}, 1);
  node.forward();
  EXPECT_EQ(node.output("images").values, (std::vector<float>{9, 8, 7, 6}));
}

TEST(Hdf5Images, HasAFingerprintOfItsImages) {
  ScratchFolder folder;
  NewHdf5(folder / "a.h5").images({2, 2, 2, 1});
  NewHdf5(folder / "b.h5").images({2, 2, 2, 3});
  EXPECT_NE(ImageFile(folder / "a.h5").fingerprint(), ImageFile(folder / "b.h5").fingerprint());
}

TEST(Hdf5Images, RefusesWhatIsNoHdf5File) {
  ScratchFolder folder;
  save(folder / "a.h5", {'h', 'e', 'l', 'l', 'o'});
  EXPECT_EQ(without_place(refusal(yaml(folder / "a.h5"), {})),
            "node 'node' (hdf5_images): '" + folder / "a.h5" + "' is not an HDF5 file");
  EXPECT_EQ(without_place(refusal(yaml(folder / "b.h5"), {})),
            "node 'node' (hdf5_images): 'path' is " + folder / "b.h5" +
                ", which does not exist; did you mean '" + folder / "a.h5" + "'?");
}

}  // namespace
}  // namespace dagfusion::tests
