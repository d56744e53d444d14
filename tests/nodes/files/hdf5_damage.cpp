// Files that hdf5_writer made, damaged in every place: what is read is right, or the fault is reported.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "nodes/files/image_file.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

Bytes load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Everything in the file: pixels of all images, then their labels. Throws what ImageFile throws.
std::vector<std::int64_t> contents(const std::string& path) {
  const ImageFile file(path);
  std::vector<std::int64_t> all = {file.count(), file.height(), file.width(), file.channels()};
  Bytes pixels(file.image_bytes()), room(file.room_bytes());
  for (std::int64_t i = 0; i < file.count(); ++i) {
    file.read(i, pixels, room);
    all.insert(all.end(), pixels.begin(), pixels.end());
    all.push_back(file.has_labels() ? file.label(i) : -1);
  }
  return all;
}

class Hdf5Damage : public ::testing::Test {
 protected:
  Hdf5Damage() {
    OneNode writer(
        "{type: hdf5_writer, path: a.h5}", {{"images", numbered({2, 1, 3, 3})}, {"label", {{2}, {4, 5}}}},
        {.directory = folder_.path().string(), .dtypes = {{"images", DType::u8}, {"label", DType::i32}}});
    writer.forward();
    dynamic_cast<Ordered&>(writer.node()).finish(writer.run());
    whole_ = load(folder_ / "a.h5");
    right_ = contents(folder_ / "a.h5");
  }

  // True when the damaged file was read all the same; then all of it was right.
  bool reads(std::size_t at) {
    try {
      EXPECT_EQ(contents(folder_ / "a.h5"), right_) << "byte " << at;
      return true;
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()).find("'" + folder_ / "a.h5" + "' "), 0u) << "byte " << at;
      return false;
    }
  }

  ScratchFolder folder_;
  Bytes whole_;
  std::vector<std::int64_t> right_;
};

TEST_F(Hdf5Damage, OfAnyByteIsToldOrDoesNotMatter) {
  std::fstream file(folder_ / "a.h5", std::ios::in | std::ios::out | std::ios::binary);
  const auto put = [&](std::size_t at, int byte) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte)).flush();
  };
  int refused = 0;
  for (std::size_t at = 0; at < whole_.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      put(at, whole_[at] ^ flip);
      refused += !reads(at);
    }
    put(at, whole_[at]);
  }
  EXPECT_GT(refused, 1000);
  EXPECT_TRUE(reads(whole_.size()));
}

TEST_F(Hdf5Damage, ByCuttingShortIsAlwaysTold) {
  for (std::size_t length = whole_.size(); length-- > 0;) {
    std::filesystem::resize_file(folder_ / "a.h5", length);
    EXPECT_FALSE(reads(length));
  }
}

TEST_F(Hdf5Damage, IsToldInWords) {
  const auto complaint = [&](std::size_t length) -> std::string {
    std::filesystem::resize_file(folder_ / "a.h5", length);
    try {
      ImageFile(folder_ / "a.h5");
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(complaint(whole_.size() - 1),
            "'" + folder_ / "a.h5" + "' is damaged or cut short (HDF5: truncated file: eof = " +
                std::to_string(whole_.size() - 1) + ", sblock->base_addr = 0, " +
                "stored_eof = " + std::to_string(whole_.size()) + ")");
  EXPECT_EQ(complaint(7), "'" + folder_ / "a.h5" + "' is not an HDF5 file");
}

}  // namespace
}  // namespace dagfusion::tests
