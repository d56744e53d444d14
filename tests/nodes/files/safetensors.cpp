#include "nodes/files/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "nodes/files/crc32c.h"
#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

// Values that keep what they are given.
struct Kept {
  std::vector<float> a = std::vector<float>(6);
  std::vector<std::int32_t> count = std::vector<std::int32_t>(1);
  std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(3);

  std::vector<StateTensor> tensors() {
    return {tensor("mask", DType::u8, {3}, mask), tensor("count", DType::i32, {}, count),
            tensor("a", DType::f32, {2, 3}, a)};
  }
  friend bool operator==(const Kept&, const Kept&) = default;

  template <class T>
  static StateTensor tensor(std::string name, DType dtype, Shape shape, std::vector<T>& values) {
    return {name, dtype, shape,
            [&](std::byte* out) { std::memcpy(out, values.data(), values.size() * sizeof(T)); },
            [&](const std::byte* in) { std::memcpy(values.data(), in, values.size() * sizeof(T)); }};
  }
};

Kept example() { return {{0, 1, 2, 3, 4, 5}, {7}, {1, 0, 1}}; }

Kept read_all(const std::filesystem::path& path) {
  Kept kept;
  SafetensorsFile file(path);
  for (const StateTensor& tensor : kept.tensors()) file.read(tensor);
  return kept;
}

std::string with_header(const std::string& header, const std::string& values) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + values;
}

// What reading a file of this header says, without the file's name.
std::string refusal_of(const std::string& header, const std::string& values = std::string(8, '\0')) {
  ScratchFolder folder;
  write_text(folder.path() / "x", with_header(header, values));
  const std::string message = thrown([&] { SafetensorsFile file(folder.path() / "x"); });
  const std::string prefix = "'" + (folder / "x") + "': ";
  return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
}

TEST(Safetensors, LieInTheFileAsTheFormatSays) {
  ScratchFolder folder;
  Kept kept = example();
  const WrittenFile written = write_safetensors(folder.path() / "x", kept.tensors(), {{"holds", "state"}});
  const std::string text = file_text(folder.path() / "x");
  // Wide elements first, then by name; the header is filled up with spaces to a multiple of 8.
  std::string header =
      R"({"__metadata__":{"format":"pt","holds":"state"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("count":{"dtype":"I32","shape":[],"data_offsets":[24,28]},"mask":{"dtype":"U8","shape":[3],"data_offsets":[28,31]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string values(reinterpret_cast<const char*>(kept.a.data()), 24);
  values += std::string("\7\0\0\0\1\0\1", 7);
  EXPECT_EQ(text, with_header(header, values));
  EXPECT_EQ(written.bytes, text.size());
  EXPECT_EQ(written.crc32c, crc32c(std::as_bytes(std::span(text))));
  EXPECT_EQ(safetensors_bytes(kept.tensors(), {{"holds", "state"}}), text.size());
}

TEST(Safetensors, ComeBackAsTheyWere) {
  ScratchFolder folder;
  Kept kept = example();
  write_safetensors(folder.path() / "x", kept.tensors(), {{"node", "ema"}});
  EXPECT_EQ(read_all(folder.path() / "x"), kept);
  EXPECT_EQ(SafetensorsFile(folder.path() / "x").metadata(), (Metadata{{"format", "pt"}, {"node", "ema"}}));
}

TEST(Safetensors, AreReadFromTheFileThatWasOpened) {
  ScratchFolder folder;
  Kept kept = example(), back;
  write_safetensors(folder.path() / "x", kept.tensors(), {});
  SafetensorsFile file(folder.path() / "x");
  std::filesystem::remove(folder.path() / "x");  // by another process, say
  for (const StateTensor& tensor : back.tensors()) file.read(tensor);
  EXPECT_EQ(back, kept);
}

TEST(Safetensors, AreReadInAnyOrderWithoutMetadata) {
  ScratchFolder folder;
  write_text(folder.path() / "x", with_header(R"({"b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
                                              R"("a":{"dtype":"U8","shape":[0,2],"data_offsets":[8,8]}})",
                                              std::string(8, '\0')));
  const SafetensorsFile file(folder.path() / "x");
  EXPECT_EQ(file.tensors().at("a").shape, (Shape{0, 2}));
  EXPECT_EQ(file.tensors().at("b").dtype, "I64");
}

TEST(Safetensors, SayWhatDoesNotFit) {
  ScratchFolder folder;
  Kept kept = example();
  write_safetensors(folder.path() / "x", kept.tensors(), {});
  const SafetensorsFile file(folder.path() / "x");
  EXPECT_EQ(file.misfit({.name = "a", .dtype = DType::f32, .shape = {2, 3}}), "");
  EXPECT_EQ(file.misfit({.name = "a", .dtype = DType::f32, .shape = {3, 2}}),
            "'a' is [2,3] F32, not [3,2] F32");
  EXPECT_EQ(file.misfit({.name = "count", .dtype = DType::f32}), "'count' is [] I32, not [] F32");
  EXPECT_EQ(file.misfit({.name = "b", .dtype = DType::f32}), "'b' is missing");
}

TEST(Safetensors, RefuseHeadersThatLie) {
  const std::string u8 = R"({"dtype":"U8","shape":[8],"data_offsets":[0,8]})";
  EXPECT_EQ(refusal_of(R"({"a":)" + u8 + "}"), "");
  EXPECT_EQ(refusal_of(R"( {"a":)" + u8 + "}"), "its header does not start with '{'");
  EXPECT_EQ(refusal_of(""), "its header does not start with '{'");
  EXPECT_EQ(refusal_of(R"({"a":)" + u8 + R"(,"a":)" + u8 + "}"), "its header has 'a' twice");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]}})"),
            "its header has 'dtype' twice");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":"U8","shape":[[[[8]]]],"data_offsets":[0,8]}})"),
            "its header is nested too deep");
  EXPECT_EQ(refusal_of(R"({"a":3})"), "tensor 'a' needs dtype, shape and data_offsets, and nothing else");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":"U7","shape":[8],"data_offsets":[0,8]}})"),
            "tensor 'a' has the unknown dtype \"U7\"");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":"U8","shape":8,"data_offsets":[0,8]}})"),
            "tensor 'a' needs a list of sides as its shape, and two offsets");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}})"),
            "tensor 'a' has a side or an offset that is not a whole number");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0.0,8]}})"),
            "tensor 'a' has a side or an offset that is not a whole number");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,8]}})"),
            "tensor 'a' has more elements than any memory");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,8]}})"),
            "tensor 'a' has 32 bytes by its shape, and lies from 0 to 8");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}})"),
            "tensor 'a' has 8 bytes by its shape, and lies from 8 to 0");
  EXPECT_EQ(refusal_of(R"({"a":)" + u8 + R"(,"b":)" + u8 + "}"),
            "its tensors overlap or leave a hole at byte 8");
  EXPECT_EQ(refusal_of(R"({"a":{"dtype":"U8","shape":[7],"data_offsets":[1,8]}})"),
            "its tensors overlap or leave a hole at byte 0");
  EXPECT_EQ(refusal_of(R"({"a":)" + u8 + "}", "1234567"), "has 7 bytes of values; its header says 8");
  EXPECT_EQ(refusal_of(R"({"a":)" + u8 + "}", "123456789"), "has 9 bytes of values; its header says 8");
  EXPECT_TRUE(refusal_of("{").starts_with("its header is not right: [json.exception.parse_error.101]"));
}

TEST(Safetensors, RefuseALengthBeyondTheFileOrTheFormat) {
  ScratchFolder folder;
  std::string text = with_header("{}", "");
  text[7] = '\x40';
  write_text(folder.path() / "x", text);
  EXPECT_EQ(thrown([&] { SafetensorsFile(folder.path() / "x"); }),
            "'" + (folder / "x") + "': says that its header has 4611686018427387906 bytes; the file has 10");
  EXPECT_EQ(thrown([&] { SafetensorsFile(folder.path() / "y"); }),
            "'" + (folder / "y") + "': there is no such file");
}

TEST(Safetensors, CutShortAnywhereAreRefused) {
  ScratchFolder folder;
  Kept kept = example();
  write_safetensors(folder.path() / "x", kept.tensors(), {});
  const std::string whole = file_text(folder.path() / "x");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_text(folder.path() / "y", whole.substr(0, length));
    EXPECT_THROW(read_all(folder.path() / "y"), UserError) << "at " << length << " bytes";
  }
}

TEST(Safetensors, WithAChangedByteAreRefusedOrReadTheSame) {
  ScratchFolder folder;
  Kept kept = example();
  write_safetensors(folder.path() / "x", kept.tensors(), {});
  const std::string whole = file_text(folder.path() / "x");
  const std::size_t values = whole.size() - 31;  // from there on only MANIFEST's checksum can tell
  const RandomStream random{stream_key(1, "flips")};
  int refused = 0;
  for (std::uint32_t flip = 0; flip < 2000; ++flip) {
    const Philox4 words = random.block(flip);
    std::string changed = whole;
    const std::size_t place = below(values, words[0] * 0x100000000ull);
    changed[place] = static_cast<char>(changed[place] ^ (1 + words[1] % 255));
    write_text(folder.path() / "y", changed);
    try {
      ASSERT_EQ(read_all(folder.path() / "y"), kept) << "byte " << place << " changed to " << changed[place];
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1500);  // what may change freely is the value of __metadata__ and the spaces
}

TEST(Crc32c, IsThatOfTheStandard) {
  const std::string digits = "123456789";
  EXPECT_EQ(crc32c(std::as_bytes(std::span(digits))), 0xe3069283u);
  const auto bytes = std::as_bytes(std::span(digits));
  EXPECT_EQ(crc32c(bytes.subspan(4), crc32c(bytes.first(4))), 0xe3069283u);  // in two parts
}

}  // namespace
}  // namespace dagfusion::tests
