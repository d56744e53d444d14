// Files that other programs may write, and that are refused: each complaint in full.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "nodes/files/image_file.h"
#include "tests/fixtures/hdf5_files.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

// What is wrong with the file, after its name.
std::string complaint(const std::string& path, const ImageFileOptions& options = {}) {
  try {
    ImageFile file(path, options);
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
std::string complaint(const std::function<void(const NewHdf5&)>& fill, const ImageFileOptions& options = {}) {
  ScratchFolder folder;
  {
    NewHdf5 file(folder / "a.h5");
    fill(file);
  }
  return complaint(folder / "a.h5", options);
}

void chunks(hid_t creation, std::vector<hsize_t> chunk) {
  H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
}

constexpr const char* kNoImages = "has no dataset of images ([N,H,W,C], [N,C,H,W] or [N,H,W]); it has ";
constexpr const char* kFilters = "; read are deflate (gzip), lzf, shuffle and fletcher32";
const auto plain = [](hid_t) {};

TEST(Hdf5Images, RefusesAFileWithoutImages) {
  EXPECT_EQ(complaint([](const NewHdf5&) {}), std::string(kNoImages) + "nothing");
  EXPECT_EQ(complaint([](const NewHdf5& file) { H5Gclose(H5Gcreate2(file, "images", 0, 0, 0)); }),
            "has something that is not a dataset in place of '/images'");
  EXPECT_EQ(complaint([](const NewHdf5& file) { file.bytes("x", {10}, plain); }),
            std::string(kNoImages) + "'/x' uint8 [10]");
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.bytes("x", {8, 8, 3, 5}, plain);
            }),
            "has '/x' [8,8,3,5], which looks like [H,W,C,N]; transpose(3, 0, 1, 2) makes [N,H,W,C] of it");
}

TEST(Hdf5Images, RefusesToChooseBetweenDatasets) {
  const auto two = [](const NewHdf5& file) {
    file.bytes("a", {2, 2, 2, 1}, plain);
    file.bytes("b", {3, 2, 2, 1}, plain);
  };
  EXPECT_EQ(complaint(two),
            "has 2 datasets that could be images: '/a' uint8 [2,2,2,1], '/b' uint8 [3,2,2,1]; say which with "
            "'key: a'");
  EXPECT_EQ(complaint(two, {.key = "b"}), "");
  EXPECT_EQ(complaint(two, {.key = "c"}),
            "has no dataset '/c'; it has '/a' uint8 [2,2,2,1], '/b' uint8 [3,2,2,1]");
}

TEST(Hdf5Images, RefusesAnotherVersionOfItsFormat) {
  const auto with = [](int version) {
    return complaint([&](const NewHdf5& file) {
      file.version(version, "dagfusion_images");
      file.images({2, 2, 2, 1});
    });
  };
  EXPECT_EQ(with(3), "has version 3 of the image format; this program reads version 2");
  EXPECT_EQ(with(2), "has no dataset '/crc32c', although it is in the format of this program");
}

TEST(Hdf5Images, RefusesOtherShapesAndTypes) {
  EXPECT_EQ(complaint([&](const NewHdf5& file) {
              file.bytes("images", {2, 2, 2, 1}, plain, H5T_STD_B8LE, false);
            }),
            "has '/images' of a type that is not read: a bit field");
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.images({2, 2});
            }),
            "has '/images' with 2 sides; they must be [N,H,W,C], [N,C,H,W] or [N,H,W]");
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.images({2, 2, 2, 2});
            }),
            "has '/images' [2,2,2,2] with 2 channels; there must be 1, 3, or 4 with alpha");
  EXPECT_EQ(complaint(
                [](const NewHdf5& file) {
                  file.images({2, 2, 2, 1});
                },
                {.order = "NHW"}),
            "has '/images' [2,2,2,1], which is not [N,H,W,C] in the order NHW");
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

TEST(Hdf5Images, RefusesFiltersThatItDoesNotKnow) {
  // 305 is a filter that no library here has: it would be looked for among plugins.
  EXPECT_EQ(complaint([&](const NewHdf5& file) {
              file.bytes("images", {2, 2, 2, 1}, [](hid_t c) {
                chunks(c, {1, 2, 2, 1}), H5Pset_filter(c, 305, H5Z_FLAG_OPTIONAL, 0, nullptr);
              });
            }),
            fmt::format("has '/images' with filter 305{}", kFilters));
}

TEST(Hdf5Images, RefusesChunksThatDoNotFitIntoItsCache) {
  EXPECT_EQ(complaint(
                [&](const NewHdf5& file) {
                  file.bytes("images", {4, 2, 2, 1}, [](hid_t c) {
                    chunks(c, {4, 2, 2, 1}), H5Pset_deflate(c, 4);
                  });
                },
                {.cache_bytes = 15}),
            "keeps 4 of '/images' in one chunk of 0 MB, more than 'cache_mb' allows");
}

TEST(Hdf5Images, FindsRowsThatWereNeverWritten) {
  const auto empty = [](const std::vector<hsize_t>& sides, const std::function<void(hid_t)>& shaped) {
    return complaint([&](const NewHdf5& file) { file.bytes("images", sides, shaped, H5T_STD_U8LE, false); });
  };
  EXPECT_EQ(empty({1, 2, 2, 1},
                  [](hid_t c) {
                    chunks(c, {1, 2, 2, 1}), H5Pset_deflate(c, 4);
                  }),
            "has an image in '/images' that was never written: 0; they would be black");
  EXPECT_EQ(empty({7, 2, 2, 1},
                  [](hid_t c) {
                    chunks(c, {1, 2, 2, 1}), H5Pset_deflate(c, 4);
                  }),
            "has images in '/images' that were never written: 0, 1, 2, 3, 4, …; they would be black");
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
            "has '/labels' in chunks of 4000000000, too large for 2 rows");
  EXPECT_EQ(complaint([](const NewHdf5& file) {
              file.images({2, 2, 2, 1});
              file.bytes("labels", {2}, [](hid_t c) {
                chunks(c, {2});
                H5Pset_filter(c, 305, H5Z_FLAG_OPTIONAL, 0, nullptr);
              });
            }),
            fmt::format("has '/labels' with filter 305{}", kFilters));
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
}

}  // namespace
}  // namespace dagfusion::tests
