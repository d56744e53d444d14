#include <gtest/gtest.h>

#include "nodes/files/image_file.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

OneNodeOptions bytes_in(const ScratchFolder& folder) {
  return {.directory = folder.path().string(), .dtypes = {{"images", DType::u8}, {"label", DType::i32}}};
}

void finish(OneNode& node) { dynamic_cast<Ordered&>(node.node()).finish(node.run()); }

std::string without_place(const std::string& message) {
  return message.substr(std::min(message.size(), message.find("node '")));
}

TEST(Hdf5Writer, PacksWhatHdf5ImagesReads) {
  ScratchFolder folder;
  const Plain images = numbered({2, 3, 2, 2});
  OneNode writer("{type: hdf5_writer, path: b/a.h5}", {{"images", images}, {"label", {{2}, {4, 9}}}},
                 bytes_in(folder));
  writer.forward();
  writer.at(2, 0, 1);  // the second image only fills the frame
  writer.forward();
  finish(writer);

  OneNode reader("{type: hdf5_images, labels: true, path: '" + folder / "b/a.h5" + "'}", {}, {}, 3);
  reader.forward();
  EXPECT_EQ(reader.output("images").shape, (Shape{3, 3, 2, 2}));
  std::vector<float> three = images.values;
  three.insert(three.end(), images.values.begin(), images.values.begin() + 12);
  EXPECT_EQ(reader.output("images").values, three);
  EXPECT_EQ(reader.output("label").values, (std::vector<float>{4, 9, 4}));
  EXPECT_EQ(dynamic_cast<const DataSet&>(reader.node()).size(), 3);
}

TEST(Hdf5Writer, WritesManyImagesWithoutLabels) {
  ScratchFolder folder;
  constexpr std::int64_t kImages = 3000;  // the dataset grows several times
  Plain images{{kImages, 1, 1, 2}, {}};
  for (int i = 0; i < kImages; ++i) {
    images.values.push_back(static_cast<float>(i % 256));
    images.values.push_back(static_cast<float>(i / 256));
  }
  OneNode writer("{type: hdf5_writer, path: a.h5}", {{"images", images}}, bytes_in(folder));
  writer.forward();
  finish(writer);
  const ImageFile file(folder / "a.h5");
  EXPECT_EQ(file.count(), kImages);
  EXPECT_FALSE(file.has_labels());
  Bytes pixels(2), room(file.room_bytes());
  for (int i = 0; i < kImages; ++i) {
    file.read(i, pixels, room);
    EXPECT_EQ(pixels, (Bytes{static_cast<std::uint8_t>(i % 256), static_cast<std::uint8_t>(i / 256)}));
  }
}

TEST(Hdf5Writer, LeavesNothingBehindWhenTheRunBreaks) {
  ScratchFolder folder;
  {
    OneNode writer("{type: hdf5_writer, path: a.h5}", {{"images", numbered({1, 1, 2, 2})}}, bytes_in(folder));
    writer.forward();
    EXPECT_TRUE(fs::exists(folder / "a.h5.part"));
    EXPECT_FALSE(fs::exists(folder / "a.h5"));
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Hdf5Writer, WritesNothingWhenNoImageCame) {
  ScratchFolder folder;
  OneNode writer("{type: hdf5_writer, path: a.h5}", {{"images", numbered({1, 1, 2, 2})}}, bytes_in(folder));
  finish(writer);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Hdf5Writer, OverwritesOnlyWhenTold) {
  ScratchFolder folder;
  save(folder / "a.h5", {'o', 'l', 'd'});
  const std::string path = folder / "a.h5";
  const Plain image = numbered({1, 1, 2, 2});
  EXPECT_EQ(without_place(
                refusal("{type: hdf5_writer, path: '" + path + "'}", {{"images", image}}, bytes_in(folder))),
            "node 'node' (hdf5_writer): '" + path + "' exists; choose another path, or say overwrite: true");

  OneNode late("{type: hdf5_writer, path: a.h5}", {{"images", image}},
               bytes_in(folder));  // found when the run begins
  try {
    late.forward();
    FAIL() << "the file was overwritten";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), "'" + path + "' exists; choose another path, or say overwrite: true");
  }

  OneNode told("{type: hdf5_writer, path: '" + path + "', overwrite: true}", {{"images", image}},
               bytes_in(folder));
  told.forward();
  finish(told);
  EXPECT_EQ(ImageFile(path).count(), 1);
}

TEST(Hdf5Writer, StartsAfreshAfterARun) {
  ScratchFolder folder;
  OneNode writer("{type: hdf5_writer, path: a.h5, overwrite: true}", {{"images", numbered({2, 1, 2, 2})}},
                 bytes_in(folder));
  for (int run = 0; run < 2; ++run) {
    writer.forward();
    finish(writer);
    EXPECT_EQ(ImageFile(folder / "a.h5").count(), 2);
  }
}

TEST(Hdf5Writer, RefusesTwoChannels) {
  ScratchFolder folder;
  EXPECT_EQ(without_place(refusal("{type: hdf5_writer, path: a.h5}", {{"images", numbered({1, 2, 2, 2})}},
                                  bytes_in(folder))),
            "node 'node' (hdf5_writer): input 'images' is [1,2,2,2] with 2 channels; there must be 1 or 3; "
            "to_channels makes them so");
}

}  // namespace
}  // namespace dagfusion::tests
