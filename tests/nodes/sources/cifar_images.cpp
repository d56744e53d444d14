#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

constexpr std::size_t kPixels = 3072;

// Labels in front, then pixels that are all `value`.
Bytes record(const Bytes& labels, std::uint8_t value) {
  Bytes made = labels;
  made.insert(made.end(), kPixels, value);
  return made;
}

Bytes joined(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::string yaml(const std::string& path) { return "{type: cifar_images, path: '" + path + "'}"; }

std::string said(const std::string& message) {
  return message.substr(std::min(message.size(), message.find("node '")));
}

TEST(CifarImages, ReadsAllTrainingBatchesOfAFolder) {
  ScratchFolder folder;
  save(folder / "data_batch_1.bin", joined(record({6}, 10), record({9}, 20)));
  save(folder / "data_batch_2.bin", record({1}, 30));
  save(folder / "test_batch.bin", record({0}, 99));
  save(folder / "batches.meta.txt", {'c', 'a', 't', '\n', 'd', 'o', 'g', '\n', '\n'});
  OneNode node(yaml(folder.path().string()), {}, {}, 3);
  node.forward();
  EXPECT_EQ(node.output("images").shape, (Shape{3, 3, 32, 32}));
  EXPECT_EQ(node.output("label").values, (std::vector<float>{6, 9, 1}));
  EXPECT_EQ(node.output("images").values[kPixels], 20);
  const auto& data = dynamic_cast<const DataSet&>(node.node());
  EXPECT_EQ(data.size(), 3);
  EXPECT_EQ(data.class_names(), (std::vector<std::string>{"cat", "dog"}));
}

TEST(CifarImages, TakesTheFineLabelOfCifar100) {
  ScratchFolder folder;
  save(folder / "train.bin", record({4, 77}, 5));
  OneNode node(yaml(folder / "train.bin"), {}, {}, 1);
  node.forward();
  EXPECT_EQ(node.output("label").values, (std::vector<float>{77}));
  EXPECT_EQ(node.output("images").values[0], 5);
}

TEST(CifarImages, RefusesWhatIsNoBatch) {
  ScratchFolder folder;
  const std::string start = "node 'node' (cifar_images): '";
  EXPECT_EQ(said(refusal(yaml(folder.path().string()), {})),
            start + folder.path().string() +
                "' holds no data_batch_1 and its like, data_batch_1.bin, train or train.bin of CIFAR");
  save(folder / "a.bin", Bytes(5));
  EXPECT_EQ(said(refusal(yaml(folder / "a.bin"), {})),
            start + folder / "a.bin" + "' has 5 bytes, which are no images of 3073 or 3074");
  save(folder / "data_batch_1", {0x80, 2, '}', '.'});
  EXPECT_EQ(said(refusal(yaml(folder / "data_batch_1"), {})),
            start + folder / "data_batch_1" + "' holds a pickle without 'data' and 'labels'");
  const std::string call =
      "\x80\x02"
      "cos\nsystem\n(U\x04"
      "echotR.";
  save(folder / "data_batch_1", {call.begin(), call.end()});
  EXPECT_EQ(said(refusal(yaml(folder / "data_batch_1"), {})),
            start + folder / "data_batch_1" +
                "' holds the name 'os.system', which is code that loading would run; only tensors, maps, "
                "lists, numbers "
                "and texts are read");
}

// golden/cifar.py: batch k holds images 2k - 2 and 2k - 1, whose pixels are ten times their number; labels are it modulo 3.
TEST(CifarImages, ReadsThePythonVersionOutOfItsArchive) {
  const std::string path = DAGFUSION_GOLDEN "/cifar-10-python.tar.gz";
  OneNode node(yaml(path), {}, {}, 8);
  node.forward();
  EXPECT_EQ(node.output("label").values, (std::vector<float>{0, 1, 2, 0, 1, 2, 0, 1}));
  for (std::size_t image = 0; image < 8; ++image)
    for (const std::size_t pixel : {std::size_t{0}, kPixels - 1})
      EXPECT_EQ(node.output("images").values[image * kPixels + pixel], 10.0F * static_cast<float>(image));
  const auto& data = dynamic_cast<const DataSet&>(node.node());
  EXPECT_EQ(data.size(), 8);
  EXPECT_EQ(data.class_names(), (std::vector<std::string>{"airplane", "automobile", "bird"}));
  EXPECT_EQ(data.sample_name(5), "plane_5.png");
  OneNode test("{type: cifar_images, part: test, path: '" + path + "'}", {}, {}, 2);
  test.forward();
  EXPECT_EQ(test.output("images").values[0], 160);
}

TEST(CifarImages, FindsTheFolderOfItsArchive) {
  ScratchFolder folder;
  std::filesystem::create_directory(folder.path() / "cifar-10-batches-bin");
  save(folder / "cifar-10-batches-bin/data_batch_1.bin", record({6}, 10));
  EXPECT_EQ(dynamic_cast<const DataSet&>(OneNode(yaml(folder.path().string()), {}, {}, 1).node()).size(), 1);
}

}  // namespace
}  // namespace dagfusion::tests
