#include "nodes/files/npy.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/scratch_folder.h"
#include "tests/fixtures/step_node.h"
#include "tests/fixtures/zip_files.h"

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
    NpyFile(folder / "a.npy");
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

// A file of version 1.0 with that header and body.
std::string saved(const std::string& header, const std::string& body) {
  std::string text = std::string("\x93NUMPY\x01\x00", 8);
  text += {static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  return text + header + body;
}

std::string saved(const std::string& descr, const std::string& shape, const std::string& body,
                  const char* fortran = "False") {
  return saved("{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n",
               body);
}

template <class T>
std::vector<T> row_of(const NpyFile& file, std::int64_t row) {
  std::vector<T> values(file.row_elements());
  std::vector<std::byte> room(file.room_bytes());
  file.read(row, reinterpret_cast<std::byte*>(values.data()), room);
  return values;
}

template <class T>
std::vector<T> rows_of(const std::string& text, const std::string& key = "") {
  const ScratchFolder folder;
  write_bytes(folder / "a.npy", text);
  const NpyFile file(folder / "a.npy", key);
  std::vector<T> all;
  for (std::int64_t row = 0; row < file.rows(); ++row)
    for (const T value : row_of<T>(file, row)) all.push_back(value);
  return all;
}

using Ints = std::vector<std::int32_t>;
using Floats = std::vector<float>;

TEST(Npy, ReadsWhatNumPySaves) {
  const ScratchFolder folder;
  write_bytes(folder / "a.npy", kSaved);
  const NpyFile a(folder / "a.npy");
  EXPECT_EQ(a.dtype(), DType::i32);
  EXPECT_EQ(a.shape(), (Shape{2, 3}));
  EXPECT_EQ(row_of<std::int32_t>(a, 1), (Ints{4, 5, -6}));
}

TEST(Npy, ReadsEveryWidthAndByteOrder) {
  EXPECT_EQ(rows_of<float>(saved("<f2", "(2,)", std::string("\x00\x3C\x00\xC1", 4))), (Floats{1, -2.5}));
  EXPECT_EQ(rows_of<float>(saved(">f4", "(1,)", std::string("\x3F\xC0\x00\x00", 4))), (Floats{1.5}));
  EXPECT_EQ(rows_of<float>(saved("<f8", "(1,)", std::string("\0\0\0\0\0\0\x04\xC0", 8))), (Floats{-2.5}));
  EXPECT_EQ(rows_of<std::int32_t>(saved("|i1", "(2,)", "\x01\xFF")), (Ints{1, -1}));
  EXPECT_EQ(rows_of<std::int32_t>(saved(">i4", "(1,)", std::string("\0\0\x01\x02", 4))), (Ints{258}));
  EXPECT_EQ(rows_of<std::int32_t>(saved("<i8", "(1, 1)", std::string("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8))),
            (Ints{-2}));
  EXPECT_EQ(rows_of<std::uint16_t>(saved(">u2", "(1,)", "\x01\x02")), (std::vector<std::uint16_t>{258}));
  EXPECT_EQ(rows_of<std::uint8_t>(saved("|b1", "(2,)", std::string("\x01\0", 2))),
            (std::vector<std::uint8_t>{1, 0}));
}

TEST(Npy, ReadsFortranOrder) {
  // 0 … 5 as [2,3] in columns: 0 3 1 4 2 5
  EXPECT_EQ(rows_of<std::uint8_t>(saved("|u1", "(2, 3)", std::string("\0\3\1\4\2\5", 6), "True")),
            (std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5}));
}

TEST(Npy, ReadsAnArrayOfAnArchive) {
  const std::string x = saved("|u1", "(2, 1)", "\x07\x08"), y = saved("|u1", "(1,)", "\x09");
  EXPECT_EQ(rows_of<std::uint8_t>(zipped({{"x.npy", x}})), (std::vector<std::uint8_t>{7, 8}));
  EXPECT_EQ(rows_of<std::uint8_t>(zipped({{"x.npy", x}}, true)), (std::vector<std::uint8_t>{7, 8}));
  EXPECT_EQ(rows_of<std::uint8_t>(zipped({{"x.npy", x}, {"y.npy", y}}), "y"), (std::vector<std::uint8_t>{9}));
  EXPECT_EQ(refusal(zipped({{"x.npy", x}, {"y.npy", y}})), "holds 2 arrays: x, y; say which with 'key: x'");
  EXPECT_EQ(refusal(zipped({{"x.txt", x}})), "is a zip archive without a .npy file");
  EXPECT_EQ(refusal("PK\x03\x04"), "is no zip archive");
}

TEST(Npy, WritesTheSameBytesAsNumPy) {
  const ScratchFolder folder;
  const std::vector<std::int32_t> values = {1, 2, 3, 4, 5, -6};
  write_npy(folder / "a.npy", DType::i32, {2, 3}, std::as_bytes(std::span(values)));
  std::ifstream file(folder / "a.npy");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), kSaved);
}

TEST(Npy, RefusesWhatItCannotRead) {
  const std::string remedy = ": numpy.save(file, array.astype('float32'))";
  EXPECT_EQ(refusal("PNG"), "is no .npy file");
  EXPECT_EQ(refusal(kSaved.substr(0, 40)), "is cut short in its header");
  EXPECT_EQ(refusal(kSaved.substr(0, 140)), "holds 12 bytes, but its shape [2,3] has 24");
  EXPECT_EQ(refusal(changed("<i4", "<c8")), "holds <c8; integers and float16 to float64 are read" + remedy);
  EXPECT_EQ(refusal(changed("<i4", "|O ")), "holds |O ; integers and float16 to float64 are read" + remedy);
  EXPECT_EQ(refusal(saved("|O", "(1,)", "x")),
            "holds Python objects, a pickle, which is never read; numbers are" + remedy);
  EXPECT_EQ(refusal(saved("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,), }\n", "1234")),
            "holds records; numbers are read" + remedy);
  EXPECT_EQ(refusal(changed("(2, 3)", "(2, -)")), "has a shape with a side that is not a number above 0");
}

TEST(Npy, RefusesWhatIsNoFileAndRealsForWholeNumbers) {
  ScratchFolder folder;
  const std::string name = folder.path().string();
  EXPECT_EQ(thrown([&] { NpyFile file(folder.path()); }), "'" + name + "' is not a file");
  const std::vector<float> one{1};
  write_npy(folder / "a.npy", DType::f32, {1}, std::as_bytes(std::span(one)));
  EXPECT_EQ(thrown([&] { NpyFile(folder / "a.npy").give_whole_numbers(); }),
            "'" + name + "/a.npy' holds float32, no whole numbers");
}

TEST(Npy, RefusesShapesWhoseProductIsTooLarge) {
  EXPECT_EQ(refusal(saved("|u1", "(1073741824, 1073741824, 16)", "")),
            "holds 0 bytes, but its shape [1073741824,1073741824,16] has more than any file");
  EXPECT_EQ(refusal(saved("<f4", "(1073741824, 1073741824, 4)", "")),
            "holds 0 bytes, but its shape [1073741824,1073741824,4] has more than any file");
}

TEST(Npy, RefusesAHeaderThatEndsInTheMiddle) {
  EXPECT_EQ(refusal(saved("{'fortran_order': False, 'shape': (1,), 'descr':", "")),
            "has a 'descr' that names no type");
}

TEST(Npy, NamesTheRowOfANumberThatIsNone) {
  const std::string nan("\x00\x00\xC0\x7F", 4), one("\x00\x00\x80\x3F", 4);
  const auto said = [](const std::string& text) -> std::string {
    try {
      rows_of<std::int32_t>(text);
    } catch (const std::runtime_error& e) {
      const std::string what = e.what();
      return what.substr(what.find("a.npy' ") + 7);
    }
    return "";
  };
  EXPECT_EQ(said(saved("<f4", "(3, 2)", one + one + one + nan + one + one)),
            "holds nan in row 1; finite: false lets it through");
  EXPECT_EQ(said(saved("<i8", "(1,)", std::string("\0\0\0\0\1\0\0\0", 8))),
            "holds 4294967296 in row 0, which 32 bits have no room for");
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

TEST(NpyReader, RefusesASingleNumber) {
  const ScratchFolder folder;
  write_bytes(folder / "a.npy", saved("|u1", "()", "x"));
  const std::string said = tests::refusal("{type: npy_reader, path: " + (folder / "a.npy") + "}", {});
  EXPECT_EQ(said.substr(said.find("node '")), "node 'node' (npy_reader): '" + (folder / "a.npy") +
                                                  "' is a single number; it needs a first side");
}

TEST(NpyWriter, WritesAllImagesOfARun) {
  const ScratchFolder folder;
  OneNode node("{type: npy_writer, path: out.npy}", {{"x", {{2, 2}, {1, 2, 3, 4}}}},
               {.directory = folder.path().string()});
  node.forward();
  node.at(2, 0, 1);  // of the last frame one image counts
  node.forward();
  dynamic_cast<Ordered&>(node.node()).finish(node.run());
  const NpyFile a(folder / "out.npy");
  EXPECT_EQ(a.shape(), (Shape{3, 2}));
  EXPECT_EQ(row_of<float>(a, 0), (Floats{1, 2}));
  EXPECT_EQ(row_of<float>(a, 1), (Floats{3, 4}));
  EXPECT_EQ(row_of<float>(a, 2), (Floats{1, 2}));
}

}  // namespace
}  // namespace dagfusion::tests
