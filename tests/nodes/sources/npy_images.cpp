#include <gtest/gtest.h>

#include "nodes/files/npy.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"
#include "tests/fixtures/zip_files.h"

namespace dagfusion::tests {
namespace {

template <class T>
std::string array(const std::string& type, const Shape& shape, const std::vector<T>& values) {
  return npy_header(type, shape) +
         std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

void put(const std::string& path, const std::string& text) { save(path, {text.begin(), text.end()}); }

std::string yaml(const std::string& path, const std::string& more = "") {
  return "{type: npy_images, path: '" + path + "'" + more + "}";
}

std::string said(const std::string& yaml) {
  const std::string message = refusal(yaml, {});
  return message.substr(std::min(message.size(), message.find("node '")));
}

using Values = std::vector<float>;

// One picture of 1x2 pixels, red, green and blue: (0, 128, 255) and (255, 0, 64).
const std::vector<std::uint8_t> kPixels = {0, 128, 255, 255, 0, 64};
const Values kPlanes = {0, 255, 128, 0, 255, 64};

TEST(NpyImages, ReadsBytesInEveryOrder) {
  ScratchFolder folder;
  put(folder / "a.npy", array("|u1", {1, 1, 2, 3}, kPixels));
  OneNode last(yaml(folder / "a.npy"), {}, {}, 1);
  last.forward();
  EXPECT_EQ(last.output("images").shape, (Shape{1, 3, 1, 2}));
  EXPECT_EQ(last.output("images").values, kPlanes);
  EXPECT_EQ(last.output("label").values, Values{-1});
  put(folder / "b.npy", array<std::uint8_t>("|u1", {1, 3, 1, 2}, {0, 255, 128, 0, 255, 64}));
  OneNode first(yaml(folder / "b.npy"), {}, {}, 1);
  first.forward();
  EXPECT_EQ(first.output("images").values, kPlanes);
  put(folder / "c.npy", array<std::uint8_t>("|u1", {1, 6}, kPixels));
  OneNode flat(yaml(folder / "c.npy", ", shape: [1, 2, 3]"), {}, {}, 1);
  flat.forward();
  EXPECT_EQ(flat.output("images").values, kPlanes);
}

// 0.5 of 0 … 1 is 127.5, which becomes 128; of -1 … 1 it is 191.25.
TEST(NpyImages, FindsWhatIsBlackAndWhite) {
  ScratchFolder folder;
  const auto read = [&](const std::string& file, const std::string& more = "") {
    OneNode node(yaml(folder / file, more), {}, {}, 1);
    node.forward();
    return node.output("images").values;
  };
  put(folder / "one.npy", array<float>("<f4", {1, 2, 2}, {0, 0.5F, 1, 0.25F}));
  EXPECT_EQ(read("one.npy"), (Values{0, 128, 255, 64}));
  put(folder / "signed.npy", array<double>("<f8", {1, 2, 2}, {-1, 0.5, 1, 0}));
  EXPECT_EQ(read("signed.npy"), (Values{0, 191, 255, 128}));
  put(folder / "deep.npy", array<std::uint16_t>("<u2", {1, 2, 2}, {0, 257, 65535, 514}));
  EXPECT_EQ(read("deep.npy"), (Values{0, 1, 255, 2}));
  put(folder / "truth.npy", array<std::uint8_t>("|b1", {1, 2, 2}, {0, 1, 1, 0}));
  EXPECT_EQ(read("truth.npy"), (Values{0, 255, 255, 0}));
  put(folder / "long.npy", array<std::int64_t>("<i8", {1, 2, 2}, {0, 100, 255, 7}));
  EXPECT_EQ(read("long.npy"), (Values{0, 100, 255, 7}));
  EXPECT_EQ(read("one.npy", ", values: signed"), (Values{-1, 0, 1, -0.5F}));
  EXPECT_EQ(read("one.npy", ", range: [0, 2]"), (Values{0, 64, 128, 32}));
}

TEST(NpyImages, FindsImagesAndLabelsByTheirUsualNames) {
  ScratchFolder folder;
  const std::string images = array<std::uint8_t>("|u1", {2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  put(folder / "medmnist.npz", zipped({{"train_images.npy", images},
                                       {"train_labels.npy", array<std::int64_t>("<i8", {2, 1}, {3, 0})}}));
  OneNode node(yaml(folder / "medmnist.npz"), {}, {}, 2);
  node.forward();
  EXPECT_EQ(node.output("images").values, (Values{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(node.output("label").values, (Values{3, 0}));
  put(folder / "keras.npz", zipped({{"x_train.npy", images},
                                    {"y_train.npy", array<float>("<f4", {2, 3}, {0, 0, 1, 1, 0, 0})},
                                    {"x_test.npy", images}}));
  OneNode hot(yaml(folder / "keras.npz", ", key: x_train"), {}, {}, 2);
  hot.forward();
  EXPECT_EQ(hot.output("label").values, (Values{2, 0}));
  EXPECT_EQ(said(yaml(folder / "keras.npz")),
            "node 'node' (npy_images): '" + folder / "keras.npz" +
                "' holds 2 arrays that could be images: x_test, x_train; say which with 'key: x_test'");
  put(folder / "y.npy", array<std::uint8_t>("|u1", {2}, {8, 9}));
  OneNode other(yaml(folder / "keras.npz", ", key: x_test, labels: '" + folder / "y.npy" + "'"), {}, {}, 2);
  other.forward();
  EXPECT_EQ(other.output("label").values, (Values{8, 9}));
}

TEST(NpyImages, RefusesWhatIsNoImages) {
  ScratchFolder folder;
  const std::string start = "node 'node' (npy_images): '";
  put(folder / "flat.npy", array("|u1", {1, 784}, std::vector<std::uint8_t>(784)));
  EXPECT_EQ(said(yaml(folder / "flat.npy")),
            start + folder / "flat.npy" +
                "' holds [1,784], rows that are flat; 'shape: [28, 28]' would make images of it");
  EXPECT_EQ(
      said(yaml(folder / "flat.npy", ", shape: [28, 27]")),
      start + folder / "flat.npy" + "' holds [1,784], whose rows have 784 numbers, not 756 as 'shape' says");
  EXPECT_EQ(said(yaml(folder / "flat.npy", ", shape: [28, 0]")),
            "node 'node' (npy_images): 'shape' has a side of 0; it takes numbers above 0");
  put(folder / "five.npy", array("|u1", {1, 2, 2, 5}, std::vector<std::uint8_t>(20)));
  EXPECT_EQ(
      said(yaml(folder / "five.npy")),
      start + folder / "five.npy" + "' holds [1,2,2,5] with 5 channels; there must be 1, 3, or 4 with alpha");
  put(folder / "wide.npy", array<float>("<f4", {1, 2, 2}, {-7, 0, 300, 1}));
  EXPECT_EQ(
      said(yaml(folder / "wide.npy")),
      start + folder / "wide.npy" +
          "' holds float32 from -7 to 300, which is no usual range; say which numbers are black and white: "
          "range: [-7, 300]");
  EXPECT_EQ(said(yaml(folder / "wide.npy", ", range: [1]")),
            "node 'node' (npy_images): 'range' must be two numbers, black and then white, such as [0, 1]");
  put(folder / "labels.npz", zipped({{"x.npy", array<std::uint8_t>("|u1", {1, 2, 2}, {1, 2, 3, 4})},
                                     {"y.npy", array<double>("<f8", {1}, {0.5})}}));
  EXPECT_EQ(
      said(yaml(folder / "labels.npz")),
      start + folder / "labels.npz" +
          "' has 'y' [1] that are no classes: image 0 has 0.5; 'label_key: none' reads the images alone");
  const auto with_labels = [&](const Shape& shape, const std::vector<double>& labels) {
    put(folder / "hot.npz", zipped({{"x.npy", array<std::uint8_t>("|u1", {2, 1, 2}, {1, 2, 3, 4})},
                                    {"y.npy", array("<f8", shape, labels)}}));
    return said(yaml(folder / "hot.npz"));
  };
  EXPECT_EQ(with_labels({2, 2}, {0, 1, 1, 1}),
            start + folder / "hot.npz" +
                "' has 'y' [2,2] that are not one-hot: those of image 1 are no single 1 among zeros; "
                "'label_key: none' reads the images alone");
  EXPECT_EQ(with_labels({3}, {0, 1, 1}), start + folder / "hot.npz" +
                                             "' has 'y' [3] that are not one class for each of the 2 images; "
                                             "'label_key: none' reads the images alone");
  save(folder / "a.png", encoded(".png", gradient(2, 2)));
  EXPECT_EQ(said(yaml(folder / "a.png")),
            start + folder / "a.png" +
                "' is a picture; image_folder reads the folder that it is in, and pack_images.yaml packs it");
}

TEST(NpyImages, NamesANumberOutsideOfTheRange) {
  ScratchFolder folder;
  put(folder / "a.npy", array<float>("<f4", {1, 2, 2}, {0, 0.5F, 1, 3}));
  OneNode node(yaml(folder / "a.npy", ", range: [0, 1]"), {}, {}, 1);
  try {
    node.forward();
    FAIL() << "it was read";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what())
                  .find("'" + folder / "a.npy" +
                        "' holds 3 in image 0, outside of its range 0 … 1; say another one with 'range'"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace dagfusion::tests
