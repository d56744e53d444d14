// Files that other programs may write, and that are refused: each complaint in full.
#include <gtest/gtest.h>

#include "nodes/files/image_file.h"
#include "tests/fixtures/hdf5_files.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

constexpr const char* kRemedy = "; pack the images again with image_folder and hdf5_writer";

// What is wrong with the file, after its name.
std::string complaint(const std::string& path) {
  try {
    ImageFile file(path);
    Bytes pixels(file.image_bytes()), room(file.room_bytes());
    for (std::int64_t i = 0; i < file.count(); ++i) file.read(i, pixels, room);
  } catch (const std::runtime_error& error) {
    const std::string start = "'" + path + "' ", text = error.what();
    EXPECT_EQ(text.substr(0, start.size()), start);
    return text.substr(std::min(text.size(), start.size()));
  }
  return "";
}

// The complaint about a file that `fill` has filled.
std::string complaint(const std::function<void(const NewHdf5&)>& fill) {
  ScratchFolder folder;
  {
    NewHdf5 file(folder / "a.h5");
    fill(file);
  }
  return complaint(folder / "a.h5");
}

void chunks(hid_t creation, std::vector<hsize_t> chunk) {
  H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
}

TEST(Hdf5Images, RefusesAFileWithoutImages) {
  EXPECT_EQ(complaint([](const NewHdf5&) {}), std::string("has no dataset '/images'") + kRemedy);
  EXPECT_EQ(complaint([](const NewHdf5& file) { H5Gclose(H5Gcreate2(file, "images", 0, 0, 0)); }),
            "has something that is not a dataset in place of '/images'");
}

TEST(Hdf5Images, RefusesAnotherVersion) {
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.version(2);
              file.images({2, 2, 2, 1});
            }),
            "has version 2 of the image format; this program reads version 1");
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.version(1);
              file.images({2, 2, 2, 1});
            }),
            std::string("has no dataset '/crc32c'") + kRemedy);
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              const hid_t space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
              H5Aclose(H5Acreate2(file, "version", type, space, H5P_DEFAULT, H5P_DEFAULT));
              H5Tclose(type), H5Sclose(space);
            }),
            "has an attribute 'version' that is not a whole number");
}

TEST(Hdf5Images, RefusesOtherShapesAndTypes) {
  const auto plain = [](hid_t) {};
  EXPECT_EQ(complaint([&](const NewHdf5& file) {
              file.bytes("images", {2, 2, 2, 1}, plain, H5T_IEEE_F32LE);
            }),
            std::string("has '/images' that are not bytes (u8)") + kRemedy);
  EXPECT_EQ(complaint([&](const NewHdf5& file) {
              file.bytes("images", {2, 2, 2, 1}, plain, H5T_STD_I8LE);
            }),
            std::string("has '/images' that are not bytes (u8)") + kRemedy);
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.images({2, 2, 2});
            }),
            std::string("has '/images' with 3 sides; they must be [N,H,W,C]") + kRemedy);
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.images({2, 2, 2, 2});
            }),
            "has '/images' [2,2,2,2] with 2 channels; there must be 1 or 3");
  EXPECT_EQ(complaint([&](const NewHdf5& file) {
              file.bytes("images", {0, 2, 2, 1}, plain);
            }),
            "has '/images' [0,2,2,1], which is none");
  EXPECT_EQ(complaint([&](const NewHdf5& file) {
              file.bytes(
                  "images", {1, 100000, 100000, 1},
                  [](hid_t c) {
                    chunks(c, {1, 10, 10, 1});
                  },
                  H5T_STD_U8LE, false);
            }),
            "has '/images' [1,100000,100000,1] of 100000x100000 pixels; the limit is 64 Mpixel");
}

TEST(Hdf5Images, RefusesOtherLayoutsAndFilters) {
  const std::string is = "has '/images' [2,2,2,1]", chunk = " that are not stored one image in a chunk",
                    filter = " that are not compressed by deflate alone";
  const auto with = [](const std::function<void(hid_t)>& shaped) {
    return complaint([&](const NewHdf5& file) { file.bytes("images", {2, 2, 2, 1}, shaped); });
  };
  EXPECT_EQ(with([](hid_t) {}), is + chunk + kRemedy);  // contiguous
  EXPECT_EQ(with([](hid_t c) { H5Pset_layout(c, H5D_COMPACT); }), is + chunk + kRemedy);
  EXPECT_EQ(with([](hid_t c) { chunks(c, {2, 2, 2, 1}), H5Pset_deflate(c, 4); }), is + chunk + kRemedy);
  EXPECT_EQ(with([](hid_t c) { chunks(c, {1, 2, 2, 1}); }), is + filter + kRemedy);  // none
  EXPECT_EQ(with([](hid_t c) { chunks(c, {1, 2, 2, 1}), H5Pset_fletcher32(c); }), is + filter + kRemedy);
  EXPECT_EQ(with([](hid_t c) {
              chunks(c, {1, 2, 2, 1}), H5Pset_shuffle(c), H5Pset_deflate(c, 4);
            }),
            is + filter + kRemedy);
  // 305 is a filter that no library here has: it would be looked for among plugins.
  EXPECT_EQ(with([](hid_t c) {
              chunks(c, {1, 2, 2, 1}), H5Pset_filter(c, 305, H5Z_FLAG_OPTIONAL, 0, nullptr);
            }),
            is + filter + kRemedy);
}

TEST(Hdf5Images, RefusesDataOutsideTheFile) {
  const std::string elsewhere = "keeps the data of '/images' in other files, which is refused";
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.bytes(
                  "images", {1, 2, 2, 1}, [](hid_t c) { H5Pset_external(c, "/etc/hostname", 0, 4); },
                  H5T_STD_U8LE, false);
            }),
            elsewhere);
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.bytes(
                  "images", {1, 2, 2, 1},
                  [](hid_t c) {
                    const hsize_t sides[4] = {1, 2, 2, 1};
                    const hid_t space = H5Screate_simple(4, sides, nullptr);
                    H5Pset_virtual(c, space, "/tmp/other.h5", "images", space);
                    H5Sclose(space);
                  },
                  H5T_STD_U8LE, false);
            }),
            elsewhere);
  const std::string link = "has a link to elsewhere in place of '/images', which is refused";
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              H5Lcreate_external("/tmp/other.h5", "/images", file, "images", 0, 0);
            }),
            link);
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.bytes("other", {1, 2, 2, 1}, [](hid_t) {});
              H5Lcreate_soft("/other", file, "images", 0, 0);
            }),
            link);
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.images({1, 2, 2, 1});
              H5Lcreate_external("/tmp/other.h5", "/labels", file, "labels", 0, 0);
            }),
            "has a link to elsewhere in place of '/labels', which is refused");
}

TEST(Hdf5Images, RefusesMoreImagesThanTheFileCanHold) {
  ScratchFolder folder;
  {
    NewHdf5 file(folder / "a.h5");
    file.bytes(
        "images", {1000000000000, 2, 2, 1},
        [](hid_t c) {
          chunks(c, {1, 2, 2, 1}), H5Pset_deflate(c, 4);
        },
        H5T_STD_U8LE, false);
  }
  EXPECT_EQ(complaint(folder / "a.h5"), "has '/images' [1000000000000,2,2,1], more than a file of " +
                                            std::to_string(std::filesystem::file_size(folder / "a.h5")) +
                                            " bytes can hold");
}

TEST(Hdf5Images, RefusesLabelsThatDoNotFit) {
  const auto with = [](const std::vector<std::int64_t>& labels) {
    return complaint([&](const NewHdf5& file) {
      file.images({2, 2, 2, 1});
      file.numbers("labels", labels);
    });
  };
  EXPECT_EQ(with({1, 2, 3}), "has '/labels' that are not one whole number for each of the 2 images");
  EXPECT_EQ(with({1, 1LL << 40}),
            "has 1099511627776 among '/labels'; they must lie between -1 and 2147483647");
  EXPECT_EQ(with({-2, 1}), "has -2 among '/labels'; they must lie between -1 and 2147483647");
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.images({2, 2, 2, 1});
              file.bytes(
                  "labels", {2}, [](hid_t c) { chunks(c, {4000000000}); }, H5T_STD_U8LE, false);
            }),
            "has '/labels' in chunks of 4000000000, too large for 2 numbers");
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.images({2, 2, 2, 1});
              file.bytes("labels", {2}, [](hid_t c) {
                chunks(c, {2});
                H5Pset_filter(c, 305, H5Z_FLAG_OPTIONAL, 0, nullptr);
              });
            }),
            "has '/labels' with filter 305; known are deflate, shuffle and fletcher32");
}

TEST(Hdf5Images, TellsWhichImageIsDamaged) {
  const auto with_chunk = [](std::uint32_t skipped, const Bytes& chunk) {
    return complaint([&](const NewHdf5& file) {
      file.images({2, 2, 2, 1});
      const hid_t images = H5Dopen2(file, "images", H5P_DEFAULT);
      const hsize_t offset[4] = {1, 0, 0, 0};
      H5Dwrite_chunk(images, H5P_DEFAULT, skipped, offset, chunk.size(), chunk.data());
      H5Dclose(images);
    });
  };
  EXPECT_EQ(with_chunk(0, {1, 2, 3}), "has a damaged image 1: it cannot be decompressed");
  EXPECT_EQ(with_chunk(1, {1, 2, 3}), "has a damaged image 1: it cannot be decompressed");
  EXPECT_EQ(with_chunk(2, {1, 2, 3, 4}), "has a damaged image 1: it cannot be decompressed");
  EXPECT_EQ(with_chunk(0, Bytes(1000)),
            "has a damaged image 1: 1000 bytes are stored for it, 81 are possible");
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.images({1, 2, 2, 1});
              file.numbers("crc32c", {0});
            }),
            "has a damaged image 0: its CRC32C is d9331aa3, not 00000000 as written");
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.bytes(
                  "images", {1, 2, 2, 1},
                  [](hid_t c) {
                    chunks(c, {1, 2, 2, 1}), H5Pset_deflate(c, 4);
                  },
                  H5T_STD_U8LE, false);
            }),
            "has a damaged image 0: nothing is stored for it");
}

}  // namespace
}  // namespace dagfusion::tests
