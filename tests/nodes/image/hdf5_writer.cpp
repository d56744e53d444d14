#include <gtest/gtest.h>

#include "graph/types/takes_up.h"
#include "nodes/files/durable.h"
#include "nodes/files/image_file.h"
#include "nodes/files/unfinished_images.h"
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

// Frames 0 … `frames` - 1 of one image each, behind those that are there; their pixels follow from their numbers.
void pack(OneNode& writer, int first, int frames) {
  for (int f = first; f < frames; ++f) {
    const auto value = static_cast<float>(f * 7 % 256);
    writer.set_input("images", {value, static_cast<float>(f), value, 3});
    writer.set_input("label", {static_cast<float>(f % 3)});
    writer.at(f, 0, 1);
    writer.forward();
  }
}

OneNode new_writer(const ScratchFolder& folder, const std::string& more = "") {
  return OneNode("{type: hdf5_writer, path: a.h5" + more + "}",
                 {{"images", numbered({1, 1, 2, 2})}, {"label", {{1}, {0}}}}, bytes_in(folder));
}

TEST(Hdf5Writer, KeepsWhatWasPackedUnderAnotherNameWhenTheRunBreaks) {
  ScratchFolder folder;
  {
    OneNode writer = new_writer(folder);
    pack(writer, 0, 2);
    EXPECT_FALSE(fs::exists(folder / "a.h5"));
  }
  EXPECT_FALSE(fs::exists(folder / "a.h5"));
  EXPECT_TRUE(fs::exists(folder / "a.h5.part"));
  EXPECT_TRUE(fs::exists(folder / "a.h5.part.images"));
  OneNode anew = new_writer(folder);  // not asked to go on
  pack(anew, 0, 3);
  finish(anew);
  EXPECT_EQ(ImageFile(folder / "a.h5").count(), 3);
  EXPECT_FALSE(fs::exists(folder / "a.h5.part"));
  EXPECT_FALSE(fs::exists(folder / "a.h5.part.images"));
}

TEST(Hdf5Writer, GoesOnToTheSameBytes) {
  constexpr int kFrames = 40;
  ScratchFolder folder;
  {
    OneNode whole = new_writer(folder);
    pack(whole, 0, kFrames);
    finish(whole);
    fs::rename(folder / "a.h5", folder / "whole.h5");
  }
  for (const std::int64_t kept : {0, 1, 17, 23}) {
    {
      OneNode broken = new_writer(folder);
      pack(broken, 0, 23);
    }
    OneNode writer = new_writer(folder);
    auto& sink = dynamic_cast<TakesUp&>(writer.node());
    EXPECT_EQ(sink.images_left(writer.run()), 23);
    sink.take_up(writer.run(), kept);
    pack(writer, static_cast<int>(kept), kFrames);
    finish(writer);
    EXPECT_EQ(read_text(folder / "a.h5"), read_text(folder / "whole.h5")) << kept;
    fs::remove(folder / "a.h5");
  }
}

TEST(Hdf5Writer, GoesOnBehindTheLastImageThatIsWhole) {
  ScratchFolder folder;
  const auto break_off = [&] {
    OneNode broken = new_writer(folder);
    pack(broken, 0, 9);
  };
  const auto images_left = [&](const std::string& more = "") {
    OneNode writer = new_writer(folder, more);
    return dynamic_cast<TakesUp&>(writer.node()).images_left(writer.run());
  };
  const fs::path part = folder / "a.h5.part", list = UnfinishedImages::beside(part);
  break_off();
  fs::resize_file(list, fs::file_size(list) - 1);  // the last line of the list did not reach the disk
  EXPECT_EQ(images_left(), 8);
  EXPECT_EQ(images_left(", deflate: 9"), 0);  // other bytes
  break_off();
  fs::resize_file(part, fs::file_size(part) / 2);  // images did not, although the list did
  EXPECT_LT(images_left(), 9);
  break_off();
  fs::remove(part);
  EXPECT_EQ(images_left(), 0);
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
