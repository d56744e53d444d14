// Files as other programs write them: every layout, filter, type and order of sides gives the same images.
#include <gtest/gtest.h>

#include "graph/plan/micro_batch.h"
#include "graph/plan/planned_memory.h"
#include "nodes/catalog.h"
#include "nodes/files/image_file.h"
#include "tests/fixtures/hdf5_files.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

using Labels = std::vector<std::int32_t>;
using Names = std::vector<std::string>;
using Numbers = std::vector<double>;

void chunks(hid_t creation, const std::vector<hsize_t>& chunk) {
  H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
}

// A dataset of numbers, converted by the library from doubles.
void put(
    hid_t file, const char* name, const std::vector<hsize_t>& sides, const Numbers& values, hid_t type,
    const std::function<void(hid_t)>& shaped = [](hid_t) {}) {
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE), links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  shaped(creation);
  const hid_t space = H5Screate_simple(static_cast<int>(sides.size()), sides.data(), nullptr);
  const hid_t dataset = H5Dcreate2(file, name, type, space, links, creation, H5P_DEFAULT);
  H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(dataset), H5Sclose(space), H5Pclose(creation), H5Pclose(links);
}

Numbers counting(std::size_t count, double scale = 1, double offset = 0) {
  Numbers values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<double>(i) * scale + offset);
  return values;
}

struct Contents {
  std::vector<Bytes> images;  // [H,W,C]
  Labels labels;
  Names classes, notes;
};

Contents contents(const std::function<void(const NewHdf5&)>& fill, const ImageFileOptions& options = {},
                  bool latest = false) {
  ScratchFolder folder;
  {
    NewHdf5 file(folder / "a.h5", latest);
    fill(file);
  }
  const ImageFile file(folder / "a.h5", options);
  Contents all{.images = {}, .labels = {}, .classes = file.class_names(), .notes = file.notes()};
  Bytes pixels(file.image_bytes()), room(file.room_bytes() + 64);
  const std::size_t align = (64 - reinterpret_cast<std::uintptr_t>(room.data()) % 64) % 64;
  for (std::int64_t i = 0; i < file.count(); ++i) {
    file.read(i, pixels, std::span(room).subspan(align));
    all.images.push_back(pixels);
    if (file.has_labels()) all.labels.push_back(file.label(i));
  }
  return all;
}

// Image i of [5,4,3,1] holds the bytes 12 i, 12 i + 1, …
std::vector<Bytes> five() {
  std::vector<Bytes> images(5);
  for (std::size_t i = 0; i < 60; ++i) images[i / 12].push_back(static_cast<std::uint8_t>(i));
  return images;
}

TEST(Hdf5Layouts, EveryStorageAndFilterGivesTheSame) {
  const auto stored = [](const std::function<void(hid_t)>& shaped) {
    const auto fill = [&](const NewHdf5& file) {
      put(file, "x", {5, 4, 3, 1}, counting(60), H5T_STD_U8LE, shaped);
    };
    EXPECT_EQ(contents(fill).images, contents(fill, {}, true).images);
    return contents(fill).images;
  };
  EXPECT_EQ(stored([](hid_t) {}), five());
  EXPECT_EQ(stored([](hid_t c) { H5Pset_layout(c, H5D_COMPACT); }), five());
  EXPECT_EQ(stored([](hid_t c) { chunks(c, {1, 4, 3, 1}); }), five());
  EXPECT_EQ(stored([](hid_t c) { chunks(c, {2, 4, 3, 1}), H5Pset_deflate(c, 4); }), five());
  EXPECT_EQ(stored([](hid_t c) {
              chunks(c, {5, 4, 3, 1}), H5Pset_shuffle(c), H5Pset_deflate(c, 4);
            }),
            five());
  EXPECT_EQ(stored([](hid_t c) {
              chunks(c, {1, 3, 2, 1}), H5Pset_deflate(c, 4), H5Pset_fletcher32(c);
            }),
            five());
  EXPECT_EQ(stored([](hid_t c) {
              chunks(c, {3, 3, 2, 1}), H5Pset_fletcher32(c), H5Pset_deflate(c, 4);
            }),
            five());
  EXPECT_EQ(stored([](hid_t c) { chunks(c, {3, 3, 2, 1}), H5Pset_fletcher32(c); }), five());
}

TEST(Hdf5Layouts, ReadsLzf) {
  // By hand: a literal run of 3 bytes, then 9 bytes from 3 bytes back.
  const Contents read = contents([](const NewHdf5& file) {
    file.bytes(
        "x", {1, 4, 3, 1},
        [](hid_t c) {
          chunks(c, {1, 4, 3, 1});
          H5Pset_filter(c, 32000, H5Z_FLAG_OPTIONAL, 0, nullptr);
        },
        H5T_STD_U8LE, false);
    const hid_t dataset = H5Dopen2(file, "x", H5P_DEFAULT);
    const hsize_t offset[4] = {};
    const Bytes packed = {2, 7, 8, 9, 0xE0, 0, 2};
    H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, offset, packed.size(), packed.data());
    H5Dclose(dataset);
  });
  EXPECT_EQ(read.images, (std::vector<Bytes>{{7, 8, 9, 7, 8, 9, 7, 8, 9, 7, 8, 9}}));
}

TEST(Hdf5Layouts, EveryTypeGivesTheSameBytes) {
  const auto of = [](hid_t type, double scale, double offset = 0, const ImageFileOptions& options = {}) {
    return contents(
               [&](const NewHdf5& file) {
                 put(file, "x", {5, 4, 3, 1}, counting(60, scale, offset), type);
               },
               options)
        .images;
  };
  EXPECT_EQ(of(H5T_STD_I64LE, 1), five());
  EXPECT_EQ(of(H5T_STD_U16BE, 257), five());
  EXPECT_EQ(of(H5T_STD_U16LE, 257), five());
  EXPECT_EQ(of(H5T_IEEE_F32LE, 1.0 / 255), five());
  EXPECT_EQ(of(H5T_IEEE_F64BE, 2.0 / 255, -1), five());
  EXPECT_EQ(of(H5T_IEEE_F32BE, 1), five());  // 0 … 59 lie in 0 … 255
  EXPECT_EQ(of(H5T_IEEE_F32LE, 1000.0 / 255, 500, {.range = {500, 1500}}), five());
}

TEST(Hdf5Layouts, GivesSignedNumbersWithoutRounding) {
  ScratchFolder folder;
  {
    NewHdf5 file(folder / "a.h5");
    put(file, "x", {1, 1, 3, 1}, {0, 0.25, 1}, H5T_IEEE_F32LE);
  }
  const ImageFile file(folder / "a.h5");
  alignas(64) std::array<std::uint8_t, 4096> room;
  std::array<float, 3> values;
  ASSERT_LE(file.room_bytes(), room.size());
  file.read_signed(0, values.data(), room);
  EXPECT_EQ(values, (std::array<float, 3>{-1, -0.5, 1}));
}

TEST(Hdf5Layouts, FindsTheOrderOfTheSides) {
  const auto of = [](const std::vector<hsize_t>& sides, const ImageFileOptions& options = {}) {
    return contents([&](const NewHdf5& file) { put(file, "x", sides, counting(24), H5T_STD_U8LE); }, options)
        .images;
  };
  EXPECT_EQ(of({2, 2, 2, 3})[0], (Bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(of({2, 3, 2, 2})[0], (Bytes{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));
  EXPECT_EQ(of({2, 3, 4})[1], (Bytes{12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}));
  EXPECT_EQ(of({2, 3, 4, 1}, {.order = "NCHW"})[0],
            (Bytes{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));  // 3 channels of 4x1
}

TEST(Hdf5Layouts, FindsClassesAsNumbersTextsAndOneHot) {
  const auto with = [](const std::function<void(const NewHdf5&)>& labels) {
    return contents([&](const NewHdf5& file) {
      put(file, "train/x", {3, 2, 2, 1}, counting(12), H5T_STD_U8LE);
      labels(file);
    });
  };
  EXPECT_EQ(with([](const NewHdf5& file) {
              put(file, "train/y", {3, 1}, {5, 0, 2}, H5T_STD_I64LE);
            }).labels,
            (Labels{5, 0, 2}));
  EXPECT_EQ(with([](const NewHdf5& file) {
              put(file, "train/labels", {3, 2}, {0, 1, 1, 0, 0, 1}, H5T_IEEE_F32LE);
            }).labels,
            (Labels{1, 0, 1}));
  const auto texts = [](bool any_length) {
    return [any_length](const NewHdf5& file) {
      const hsize_t count = 3;
      const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &count, nullptr);
      H5Tset_size(type, any_length ? H5T_VARIABLE : 4);
      const hid_t dataset =
          H5Dcreate2(file, "train/label", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      const char* long_ones[3] = {"n10", "n2", "n10"};
      H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
               any_length ? static_cast<const void*>(long_ones) : "n10\0n2\0\0n10\0");
      H5Dclose(dataset), H5Sclose(space), H5Tclose(type);
    };
  };
  for (const bool any_length : {false, true}) {
    const Contents read = with(texts(any_length));
    EXPECT_EQ(read.labels, (Labels{1, 0, 1}));
    EXPECT_EQ(read.classes, (Names{"n2", "n10"}));
  }
}

TEST(Hdf5Layouts, TakesAGroupForEachClass) {
  const Contents read = contents([](const NewHdf5& file) {
    put(file, "dog/images", {1, 2, 2, 1}, counting(4), H5T_STD_U8LE);
    put(file, "cat/images", {2, 2, 2, 1}, counting(8, 1, 4), H5T_STD_U8LE);
  });
  EXPECT_EQ(read.images, (std::vector<Bytes>{{4, 5, 6, 7}, {8, 9, 10, 11}, {0, 1, 2, 3}}));
  EXPECT_EQ(read.labels, (Labels{0, 0, 1}));
  EXPECT_EQ(read.classes, (Names{"cat", "dog"}));
}

TEST(Hdf5Layouts, TakesTruthValuesForBlackAndWhite) {
  const Contents read = contents([](const NewHdf5& file) {
    put(file, "x", {1, 2, 2, 1}, {0, 1, 1, 0}, H5T_STD_U8LE);
  });
  EXPECT_EQ(read.images, (std::vector<Bytes>{{0, 255, 255, 0}}));
}

TEST(Hdf5Layouts, TakesClassesInFloatsAndInManySides) {
  const auto labels = [](const std::vector<hsize_t>& shape, const Numbers& values, hid_t type) {
    return contents([&](const NewHdf5& file) {
             put(file, "x", {2, 2, 2, 1}, counting(8), H5T_STD_U8LE);
             put(file, "y", shape, values, type);
           })
        .labels;
  };
  EXPECT_EQ(labels({2}, {3, 1}, H5T_IEEE_F32LE), (Labels{3, 1}));
  EXPECT_EQ(labels({2, 1, 1, 1}, {1, 0}, H5T_STD_U8LE), (Labels{1, 0}));  // PatchCamelyon
}

TEST(Hdf5Layouts, ReadsFourChannelsAsTheyAre) {
  const Contents read = contents([](const NewHdf5& file) {
    put(file, "x", {1, 1, 2, 4}, counting(8), H5T_STD_U8LE);
  });
  EXPECT_EQ(read.images, (std::vector<Bytes>{{0, 1, 2, 3, 4, 5, 6, 7}}));
}

TEST(Hdf5Layouts, CountsTheChunksThatItKeepsInThePlan) {
  const auto planned_with = [](const std::function<void(hid_t)>& shaped) {
    ScratchFolder folder;
    {
      NewHdf5 file(folder / "a.h5");
      put(file, "x", {9, 4, 4, 1}, counting(144), H5T_STD_U8LE, shaped);
    }
    const Planned planned = check_and_plan(
        parse_document("nodes:\n  images: {type: hdf5_images, path: '" + folder / "a.h5" +
                           "'}\n  labels: {type: npy_writer, in: images.label, path: labels.npy}\n",
                       "test.yaml"),
        catalog(), {});
    return std::pair(kept_memory(planned.checked), planned_memory(planned, 1));
  };
  const auto whole = planned_with([](hid_t) {}), in_chunks = planned_with([](hid_t creation) {
                                                   chunks(creation, {4, 4, 4, 1});
                                                   H5Pset_deflate(creation, 4);
                                                 });
  EXPECT_EQ(whole.first, 0u);
  EXPECT_EQ(in_chunks.first, 3 * 4 * 16u);
  EXPECT_EQ(in_chunks.second - whole.second, in_chunks.first);
}

TEST(Hdf5Layouts, ReadsADatasetForEachImage) {
  const auto fill = [](const NewHdf5& file, const std::vector<std::string>& names,
                       const std::function<void(hid_t)>& shaped) {
    for (std::size_t i = 0; i < names.size(); ++i)
      put(file, names[i].c_str(), {2, 2, 3}, counting(12, 1, 20.0 * static_cast<double>(i)), H5T_STD_U8LE,
          shaped);
  };
  const auto image = [](int number) {
    Bytes bytes(12);
    std::iota(bytes.begin(), bytes.end(), static_cast<std::uint8_t>(20 * number));
    return bytes;
  };
  const auto plain = [](hid_t) {};
  const auto packed = [](hid_t creation) {
    chunks(creation, {1, 2, 3});
    H5Pset_deflate(creation, 4);
  };
  for (const auto& shaped : {std::function<void(hid_t)>(plain), std::function<void(hid_t)>(packed)}) {
    const Contents read = contents([&](const NewHdf5& file) {
      fill(file, {"img_10", "img_9", "img_1"}, shaped);
      put(file, "labels", {3}, {7, 8, 9}, H5T_STD_U8LE);  // in the order of the names' numbers
    });
    EXPECT_EQ(read.images, (std::vector<Bytes>{image(2), image(1), image(0)}));
    EXPECT_EQ(read.labels, (Labels{7, 8, 9}));
    EXPECT_EQ(read.notes[0],
              "images come from 3 datasets, one for each image: uint8 as [N,H,W,C], 0 … 255, 3 of 2x2");
  }
  const Contents classes = contents([&](const NewHdf5& file) {
    fill(file, {"dog/2", "cat/1", "dog/1"}, plain);
  });
  EXPECT_EQ(classes.classes, (Names{"cat", "dog"}));
  EXPECT_EQ(classes.labels, (Labels{0, 1, 1}));
  EXPECT_EQ(classes.images, (std::vector<Bytes>{image(1), image(2), image(0)}));
}

TEST(Hdf5Layouts, SaysWhatToDoWithDatasetsThatDifferOrAreFiles) {
  const auto said = [](const std::vector<std::vector<hsize_t>>& shapes) {
    try {
      contents([&](const NewHdf5& file) {
        for (std::size_t i = 0; i < shapes.size(); ++i)
          put(file, std::string(1, static_cast<char>('a' + i)).c_str(), shapes[i],
              counting(shapes[i].size() == 1 ? 9 : shapes[i][0] * 15), H5T_STD_U8LE);
      });
    } catch (const std::runtime_error& error) {
      const std::string message = error.what();
      return message.substr(message.find("' ") + 2);
    }
    return std::string();
  };
  EXPECT_EQ(said({{4, 5, 3}, {4, 5, 3}, {6, 5, 3}}),
            "has a dataset for each image, 3 of them, which differ: '/a' uint8 [4,5,3] and '/c' uint8 "
            "[6,5,3]; one data set has one size and type");
  EXPECT_EQ(said({{9}, {9}, {9}}),
            "has a dataset for each picture's file, 3 of them: '/a' uint8 [9], '/b' uint8 [9], '/c' uint8 "
            "[9]; saved "
            "as files, pack_images.yaml packs them");
}

// Files as values of any length: [N].
void put_pictures(hid_t file, std::vector<Bytes> pictures) {
  const hsize_t count = pictures.size();
  const hid_t type = H5Tvlen_create(H5T_STD_U8LE), space = H5Screate_simple(1, &count, nullptr);
  const hid_t dataset = H5Dcreate2(file, "pictures", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  std::vector<hvl_t> all;
  for (Bytes& picture : pictures) all.push_back({picture.size(), picture.data()});
  H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data());
  H5Dclose(dataset), H5Sclose(space), H5Tclose(type);
}

Bytes picture(int width, const cv::Scalar& colour) {
  return encoded(".png", cv::Mat(1, width, CV_8UC3, colour));
}

TEST(Hdf5Layouts, ReadsPicturesThatAreStoredAsFiles) {
  const Contents read = contents([](const NewHdf5& file) {
    put_pictures(file, {picture(2, cv::Scalar(3, 2, 1)), picture(2, cv::Scalar(6, 5, 4))});
  });
  EXPECT_EQ(read.images, (std::vector<Bytes>{{1, 2, 3, 1, 2, 3}, {4, 5, 6, 4, 5, 6}}));
}

// What is wrong with a file, after its name.
std::string refusal(const std::function<void(const NewHdf5&)>& fill, const ImageFileOptions& options = {}) {
  try {
    contents(fill, options);
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    return text.substr(text.find("' ") + 2);
  }
  return "";
}

TEST(Hdf5Layouts, RefusesPicturesThatAreNoneOrHaveOtherSizes) {
  EXPECT_EQ(refusal([](const NewHdf5& file) {
              put_pictures(file, {Bytes(40), picture(2, {})});
            }),
            "has '/pictures', whose image 0 is no picture that is read: PNG, JPEG, WebP, BMP, TIFF, GIF, "
            "HEIC, AVIF or JPEG XL");
  EXPECT_EQ(refusal([](const NewHdf5& file) {
              put_pictures(file, {picture(2, {}), Bytes(40)});
            }),
            "has an image 1 that is no picture that is read: PNG, JPEG, WebP, BMP, TIFF, GIF, HEIC, AVIF or "
            "JPEG XL");
  EXPECT_EQ(refusal([](const NewHdf5& file) {
              put_pictures(file, {picture(2, {}), picture(3, {})});
            }),
            "has an image 1 of 3x1 pixels, image 0 has 2x1; a data set has one size");
}

TEST(Hdf5Layouts, RefusesLabelsThatNameNoClass) {
  const auto with = [](const std::vector<hsize_t>& sides, const Numbers& labels) {
    return refusal(
        [&](const NewHdf5& file) {
          put(file, "x", {2, 2, 2, 1}, counting(8), H5T_STD_U8LE);
          put(file, "y", sides, labels, H5T_IEEE_F32LE);
        },
        {.label_key = "y"});
  };
  EXPECT_EQ(with({2}, {1, 0.5}),
            "has 0.5 among '/y', which is no whole number; 'label_key: none' reads the images alone");
  for (const Numbers& wrong : {Numbers{0, 1, 1, 1}, Numbers{0, 1, 0, 0}, Numbers{0, 1, 1, 0.5}})
    EXPECT_EQ(with({2, 2}, wrong),
              "has '/y' [2,2] that are not one-hot: those of image 1 are no single 1 among zeros; "
              "'label_key: none' reads the images alone");
  EXPECT_EQ(with({}, {1}), "has '/y', a single value and no list");
}

TEST(Hdf5Layouts, SaysWhatItTakesAndWhatCannotBeChecked) {
  const Contents read = contents([](const NewHdf5& file) {
    put(file, "x", {2, 3, 2, 2}, counting(24), H5T_STD_U8LE);
  });
  EXPECT_EQ(
      read.notes,
      (Names{"images come from '/x': uint8 as [N,C,H,W], 0 … 255, 2 of 2x2",
             "there are no checksums, so damage to the pixels can go unnoticed; pack_hdf5 packs them anew"}));
}

TEST(Hdf5Layouts, RefusesNumbersOutsideTheRange) {
  const auto said = [](const Numbers& values, const ImageFileOptions& options) -> std::string {
    try {
      contents([&](const NewHdf5& file) { put(file, "x", {1, 1, 2, 1}, values, H5T_IEEE_F32LE); }, options);
    } catch (const std::runtime_error& error) {
      const std::string text = error.what();
      return text.substr(text.find("' ") + 2);
    }
    return "";
  };
  EXPECT_EQ(said({0, 300}, {}),
            "has '/x' float32 from 0 to 300, which is no usual range; say which numbers are black and white: "
            "range: [0, 300]");
  EXPECT_EQ(said({0.5, 2}, {.range = {0, 1}}),
            "has 2 in image 0 of '/x', outside of its range 0 … 1; say another one with 'range'");
  EXPECT_EQ(said({0.5, NAN}, {}),
            "has nan in image 0 of '/x', outside of its range 0 … 1; say another one with 'range'");
}

TEST(Hdf5Layouts, TellsADamagedChecksumOfTheLibrarysOwn) {
  ScratchFolder folder;
  {
    NewHdf5 file(folder / "a.h5");
    put(file, "x", {1, 2, 2, 1}, {1, 2, 3, 4}, H5T_STD_U8LE, [](hid_t c) {
      chunks(c, {1, 2, 2, 1}), H5Pset_fletcher32(c);
    });
    const hid_t dataset = H5Dopen2(file, "x", H5P_DEFAULT);
    const hsize_t offset[4] = {};
    const Bytes wrong = {1, 2, 3, 5, 0x06, 0x04, 0x08, 0x05};
    H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, offset, wrong.size(), wrong.data());
    H5Dclose(dataset);
  }
  const ImageFile file(folder / "a.h5");
  Bytes pixels(4), room(file.room_bytes());
  try {
    file.read(0, pixels, room);
    FAIL() << "the image was read";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()),
              "'" + folder / "a.h5" + "' has a damaged row 0: its checksum (fletcher32) is wrong");
  }
}

}  // namespace
}  // namespace dagfusion::tests
