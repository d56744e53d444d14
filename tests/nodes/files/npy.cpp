#include "nodes/files/npy.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

void write_bytes(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// numpy.save(file, numpy.array([[1, 2, 3], [4, 5, -6]], 'i4')) of NumPy 1.24
const std::string kSaved =
    std::string("\x93NUMPY\x01\x00v\x00", 10) +
    "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }" + std::string(58, ' ') + "\n" +
    std::string("\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05\0\0\0\xfa\xff\xff\xff", 24);

std::string refusal(const std::string& text) {
  const ScratchFolder folder;
  write_bytes(folder / "a.npy", text);
  try {
    read_npy(folder / "a.npy");
  } catch (const std::runtime_error& e) {
    const std::string what = e.what(), path = "'" + (folder / "a.npy") + "' ";
    EXPECT_TRUE(what.starts_with(path));
    return what.substr(path.size());
  }
  return "accepted";
}

std::string changed(const std::string& what, const std::string& to) {
  std::string text = kSaved;
  return text.replace(text.find(what), what.size(), to);
}

TEST(Npy, ReadsWhatNumPySaves) {
  const ScratchFolder folder;
  write_bytes(folder / "a.npy", kSaved);
  const NpyArray a = read_npy(folder / "a.npy");
  EXPECT_EQ(a.dtype, DType::i32);
  EXPECT_EQ(a.shape, (Shape{2, 3}));
  EXPECT_EQ(reinterpret_cast<const std::int32_t*>(a.bytes.data())[5], -6);
}

TEST(Npy, WritesTheSameBytesAsNumPy) {
  const ScratchFolder folder;
  const std::vector<std::int32_t> values = {1, 2, 3, 4, 5, -6};
  write_npy(folder / "a.npy", DType::i32, {2, 3}, std::as_bytes(std::span(values)));
  std::ifstream file(folder / "a.npy");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), kSaved);
}

TEST(Npy, RefusesWhatItCannotRead) {
  EXPECT_EQ(refusal("PNG"), "is no .npy file");
  EXPECT_EQ(refusal(kSaved.substr(0, 40)), "is cut short in its header");
  EXPECT_EQ(refusal(kSaved.substr(0, 140)), "holds 12 bytes, but its shape [2,3] has 24");
  EXPECT_EQ(
      refusal(changed("<i4", "<f8")),
      "holds <f8; readable are uint8, uint16, int32 and float32: numpy.save(file, array.astype('float32'))");
  EXPECT_EQ(refusal(changed("False", "True ")),
            "is in Fortran order; numpy.save(file, numpy.ascontiguousarray(array)) is not");
  EXPECT_EQ(refusal(changed("(2, 3)", "(2, -)")), "has a shape with a side that is not a number above 0");
}

TEST(NpyReader, GivesTheRowsOfTheFile) {
  const ScratchFolder folder;
  write_bytes(folder / "a.npy", kSaved);
  OneNode node("{type: npy_reader, path: " + (folder / "a.npy") + "}", {}, {}, 2);
  node.forward();
  EXPECT_EQ(node.output_spec("values").dtype, DType::i32);
  EXPECT_EQ(node.output("values").shape, (Shape{2, 3}));
  EXPECT_EQ(dynamic_cast<DataSet&>(node.node()).size(), 2);
}

TEST(NpyWriter, WritesAllImagesOfARun) {
  const ScratchFolder folder;
  OneNode node("{type: npy_writer, path: out.npy}", {{"x", {{2, 2}, {1, 2, 3, 4}}}},
               {.directory = folder.path().string()});
  node.forward();
  node.at(2, 0, 1);  // of the last frame one image counts
  node.forward();
  dynamic_cast<Ordered&>(node.node()).finish(node.run());
  const NpyArray a = read_npy(folder / "out.npy");
  EXPECT_EQ(a.shape, (Shape{3, 2}));
  const auto* values = reinterpret_cast<const float*>(a.bytes.data());
  EXPECT_EQ(std::vector<float>(values, values + 6), (std::vector<float>{1, 2, 3, 4, 1, 2}));
}

}  // namespace
}  // namespace dagfusion::tests
