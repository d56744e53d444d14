#include "nodes/files/tensor_file.h"

#include <gtest/gtest.h>

#include <random>
#include <regex>

#include "graph/document/fault.h"
#include "nodes/files/durable.h"
#include "nodes/files/npy.h"
#include "tests/fixtures/scratch_folder.h"
#include "tests/fixtures/step_node.h"
#include "tests/fixtures/zip_files.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

std::string golden(const std::string& name) { return std::string(DAGFUSION_GOLDEN) + "/" + name; }

// Reads every tensor of a file of these bytes; what is said about it, without its name, or "".
std::string refusal_of(const std::string& bytes, const std::string& name = "x") {
  ScratchFolder folder;
  write_text(folder / name, bytes);
  try {
    const auto file = open_tensor_file(folder / name);
    for (const auto& [tensor, facts] : file->tensors()) file->read(tensor);
    return "";
  } catch (const UserError& error) {
    const std::string message = error.what(), prefix = "'" + (folder / name) + "' ";
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  }
}

std::string safetensors(const std::string& header, const std::string& values) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + values;
}

// Pickles written by hand.
std::string u32(std::uint32_t n) { return {reinterpret_cast<const char*>(&n), 4}; }
std::string text(const std::string& s) { return "X" + u32(static_cast<std::uint32_t>(s.size())) + s; }
std::string number(std::int32_t n) { return "J" + u32(static_cast<std::uint32_t>(n)); }
std::string large(std::int64_t n) { return "\x8a\x08" + std::string(reinterpret_cast<const char*>(&n), 8); }
std::string tuple(const std::string& items) { return "(" + items + "t"; }
std::string persistent_storage(const std::string& type, const std::string& numbers) {
  return tuple(text("storage") + "ctorch\n" + type + "\n" + text("0") + text("cpu") + numbers) + "Q";
}
std::string tensor(const std::string& shape, const std::string& strides, const std::string& numbers,
                   const std::string& type = "FloatStorage", std::int32_t offset = 0) {
  return "ctorch._utils\n_rebuild_tensor_v2\n" +
         tuple(persistent_storage(type, numbers) + number(offset) + tuple(shape) + tuple(strides) + "\x89" +
               "N") +
         "R";
}
std::string pickled(const std::string& body) { return "\x80\x02" + body + "."; }
std::string archive(const std::string& body, const std::string& storage = std::string(24, '\0'),
                    bool deflated = false) {
  return zipped({{"a/data.pkl", pickled(body)}, {"a/data/0", storage}}, deflated);
}
std::string map_with(const std::string& value) { return "}" + text("w") + value + "s"; }

void expect_the_golden_values(TensorFile& file) {
  EXPECT_EQ(file.tensors().at("model.plain"), (TensorFile::Facts{"F32", {2, 3}}));
  EXPECT_EQ(file.tensors().at("model.count"), (TensorFile::Facts{"I64", {}}));
  EXPECT_EQ(file.tensors().at("model.turned"), (TensorFile::Facts{"F32", {4, 3}}));
  EXPECT_EQ(file.tensors().size(), 10u);
  EXPECT_EQ(file.read("model.plain"), (std::vector<float>{0.5f, -1, 2, 3, 4, 1e-3f}));
  EXPECT_EQ(file.read("model.half"), (std::vector<float>{1.5f, -2, 5.9604645e-8f}));
  EXPECT_EQ(file.read("model.brain"), (std::vector<float>{1.5f, -3}));
  EXPECT_EQ(file.read("model.double"), (std::vector<float>{0.1f}));
  EXPECT_EQ(file.read("model.count"), (std::vector<float>{7}));
  EXPECT_EQ(file.read("model.mask"), (std::vector<float>{1, 0}));
  EXPECT_EQ(file.read("model.turned"), (std::vector<float>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));
  EXPECT_EQ(file.read("model.part"), (std::vector<float>{5, 6}));
  EXPECT_EQ(file.read("model.learned"), (std::vector<float>{9}));
  EXPECT_EQ(file.read("list.0"), (std::vector<float>{1, 2}));
}

TEST(TensorFile, ReadsWhatPyTorchSaves) {
  const auto file = open_tensor_file(golden("torch_archive.pth"));
  EXPECT_EQ(file->format(), "PyTorch (zip)");
  expect_the_golden_values(*file);
}

TEST(TensorFile, ReadsWhatPyTorchSavedBefore) {
  const auto file = open_tensor_file(golden("torch_stream.pth"));
  EXPECT_EQ(file->format(), "PyTorch (before 1.6)");
  expect_the_golden_values(*file);
}

TEST(TensorFile, ReadsCompressedArchivesOfPyTorch) {
  ScratchFolder folder;
  write_text(folder / "x",
             archive(map_with(tensor(number(6), number(1), number(6))), std::string(24, '\0'), true));
  EXPECT_EQ(open_tensor_file(folder / "x")->read("w"), std::vector<float>(6));
}

TEST(TensorFile, ReadsSafetensorsOfThreeWidths) {
  ScratchFolder folder;
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[1],"data_offsets":[4,6]},)"
      R"("c":{"dtype":"BF16","shape":[1,1],"data_offsets":[6,8]}})";
  write_text(folder / "x",
             safetensors(header, std::string("\0\0\x80\x3f\0\x3c\x80\x3f", 8)));  // three times 1
  const auto file = open_tensor_file(folder / "x");
  EXPECT_EQ(file->format(), "safetensors");
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(file->read(name), (std::vector<float>{1})) << name;
  EXPECT_EQ(file->tensors().at("c"), (TensorFile::Facts{"BF16", {1, 1}}));
}

TEST(TensorFile, TakesAHeaderOf128BytesForNoPickle) {
  ScratchFolder folder;
  std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  header.resize(0x80, ' ');
  write_text(folder / "x", safetensors(header, "a"));
  EXPECT_EQ(open_tensor_file(folder / "x")->format(), "safetensors");
}

TEST(TensorFile, ReadsPartsThatAnIndexLists) {
  ScratchFolder folder;
  for (const char* name : {"a", "b"})
    write_text(
        folder / (name + std::string(".safetensors")),
        safetensors("{\"" + std::string(name) + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                    name));
  write_text(folder / "x.index.json",
             R"({"metadata":{},"weight_map":{"a":"a.safetensors","b":"b.safetensors"}})");
  const auto file = open_tensor_file(folder / "x.index.json");
  EXPECT_EQ(file->read("a"), (std::vector<float>{'a'}));
  EXPECT_EQ(file->read("b"), (std::vector<float>{'b'}));
}

TEST(TensorFile, RefusesPartsThatTheIndexDoesNotFit) {
  ScratchFolder folder;
  write_text(folder / "a.safetensors",
             safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "a"));
  const auto said = [&](const std::string& map) {
    write_text(folder / "x.index.json", R"({"weight_map":)" + map + "}");
    return thrown([&] { open_tensor_file(folder / "x.index.json"); })
        .substr(folder.path().string().size() + 16);
  };
  EXPECT_EQ(said("3"),
            "is no index of tensors: [json.exception.type_error.302] type must be object, but is number");
  EXPECT_EQ(said(R"({"b":"a.safetensors"})"),
            "says that 'b' lies in a.safetensors, which has no such tensor");
  EXPECT_EQ(said(R"({"a":"../a.safetensors"})"), "names the part '../a.safetensors'; parts lie beside it");
  write_text(folder / "b.safetensors", safetensors(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                                   R"("c":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                                                   "bc"));
  EXPECT_EQ(said(R"({"a":"a.safetensors","b":"b.safetensors"})"),
            "does not list 'c', which lies in b.safetensors");
}

TEST(TensorFile, ReadsArraysOfNumPy) {
  ScratchFolder folder;
  const std::vector<float> a{1, 2, 3, 4};
  write_npy(folder / "a.npy", DType::f32, {2, 2}, std::as_bytes(std::span(a)));
  write_text(folder / "x.npz", zipped({{"a.npy", file_text(folder / "a.npy")}}));
  const auto file = open_tensor_file(folder / "x.npz");
  EXPECT_EQ(file->format(), "NumPy's .npz");
  EXPECT_EQ(file->tensors().at("a"), (TensorFile::Facts{"F32", {2, 2}}));
  EXPECT_EQ(file->read("a"), a);
}

TEST(TensorFile, RefusesWhatIsNoFileOfTensors) {
  ScratchFolder folder;
  EXPECT_EQ(thrown([&] { open_tensor_file(folder / "y"); }), "there is no file '" + (folder / "y") + "'");
  EXPECT_EQ(thrown([&] { open_tensor_file(folder.path()); }),
            "'" + folder.path().string() + "' is not a file");
  EXPECT_EQ(refusal_of("hello, world"),
            "is no file of tensors that is read: safetensors, .npz, or PyTorch's .pth, .pt, .ckpt and .bin");
  EXPECT_EQ(refusal_of(zipped({{"a.txt", "a"}})),
            "is a zip archive with neither PyTorch's data.pkl nor .npy files");
  EXPECT_EQ(refusal_of(zipped({{"a/data.pkl", ""}, {"a/constants.pkl", ""}})),
            "is a program of TorchScript; save its state_dict() instead");
  EXPECT_EQ(refusal_of(pickled("N")), "is a pickle, but not one of torch.save");
  const std::string edm = refusal_of(pickled("ctorch_utils.persistence\n_reconstruct_persistent_obj\n)R"));
  EXPECT_EQ(
      std::regex_replace(edm, std::regex("'/[^']*/x"), "'X"),
      "is a pickle of whole objects with their program, which is not run here; if you trust it, save its "
      "tensors, in a clone of the repository that it is of: python -c \"import pickle, torch; "
      "torch.save(pickle.load(open('X', 'rb'))['ema'].state_dict(), 'X.pt')\"");
}

TEST(TensorFile, RunsNothingOfAPickle) {
  EXPECT_EQ(
      refusal_of(archive("cos\nsystem\n" + tuple(text("touch /tmp/dagfusion-was-here")) + "R")),
      "holds the name 'os.system', which is code that loading would run; only tensors, maps, lists, numbers "
      "and texts are read");
  EXPECT_EQ(refusal_of(archive("\x8c\x08"
                               "builtins"
                               "\x8c\x04"
                               "eval"
                               "\x93" +
                               tuple(text("1")) + "R")),
            "holds the name 'builtins.eval', which is code that loading would run; only tensors, maps, "
            "lists, numbers "
            "and texts are read");
  EXPECT_EQ(refusal_of(archive("(ios\nsystem\n")),
            "holds a pickle with the opcode 0x69, which tensors do not need");
  EXPECT_FALSE(fs::exists("/tmp/dagfusion-was-here"));
}

TEST(TensorFile, RefusesPicklesThatAreNoTree) {
  EXPECT_EQ(refusal_of(archive("]q\x01"
                               "h\x01"
                               "a")),
            "holds itself, or is nested too deep for tensors");
  // Each list holds the one before twice: 2^30 values of 100 bytes.
  std::string doubled = "]";
  for (char i = 0; i < 30; ++i) doubled += std::string("q") + i + "](h" + i + "h" + i + "e";
  EXPECT_EQ(refusal_of(archive(doubled)), "holds the same values again and again");
  EXPECT_EQ(refusal_of(archive("h\x05")),
            "holds a damaged pickle: it recalls a value that it has not remembered");
  EXPECT_EQ(refusal_of(archive("r" + u32(0x7fffffff))),
            "holds a damaged pickle: it remembers more values than it has");
  EXPECT_EQ(refusal_of(archive("X" + u32(0x7fffffff))),
            "holds a damaged pickle: a text says that it has 2147483647 bytes");
  EXPECT_EQ(refusal_of(archive("0")), "holds a damaged pickle: it takes a value that is not there");
  EXPECT_EQ(refusal_of(archive("t")), "holds a damaged pickle: it takes a mark that is not there");
  EXPECT_EQ(refusal_of(archive("NNR")), "holds a damaged pickle: it calls what is no name");
  EXPECT_EQ(refusal_of(archive("NNa")), "holds a damaged pickle: it puts values into what is no list or map");
  EXPECT_EQ(refusal_of(archive("(Nd")), "holds a damaged pickle: a key has no value");
  EXPECT_EQ(refusal_of(archive("cabc")), "holds a damaged pickle: a name does not end");
  EXPECT_EQ(refusal_of(zipped({{"a/data.pkl", "\x80\x02N"}})),
            "holds a pickle that is cut short, or larger than is read");
  EXPECT_EQ(refusal_of(zipped({{"a/data.pkl", "N."}})), "is no pickle of protocol 2 or later");
}

TEST(TensorFile, RefusesTensorsThatTheirStorageHasNoRoomFor) {
  const std::string one = number(1);
  EXPECT_EQ(refusal_of(archive(map_with(tensor(number(7), one, number(6))))),
            "has a tensor 'w' of [7] from number 0 on, but its storage has 6 numbers");
  EXPECT_EQ(refusal_of(archive(map_with(tensor(number(6), one, number(6), "FloatStorage", 1)))),
            "has a tensor 'w' of [6] from number 1 on, but its storage has 6 numbers");
  EXPECT_EQ(refusal_of(archive(map_with(tensor(number(1000000000), number(0), number(6))))),
            "has a tensor 'w' of [1000000000] from number 0 on, but its storage has 6 numbers");
  const std::string side = large(std::int64_t{1} << 32);
  EXPECT_EQ(refusal_of(archive(map_with(tensor(side + side, number(0) + number(0), number(6))))),
            "has a tensor 'w' of [4294967296,4294967296] from number 0 on, but its storage has 6 numbers");
  EXPECT_EQ(refusal_of(archive(map_with(tensor(number(-1), one, number(6))))),
            "has a shape with a side that is not a whole number");
  EXPECT_EQ(refusal_of(archive(map_with(tensor(number(1), one, large(2500000000))))),  // 10 GB
            "has a record 'data/0' of 24 bytes, but a tensor says 10000000000");
  EXPECT_EQ(refusal_of(archive(map_with(tensor(number(1), one, number(-6))))),
            "has a storage '0' of -6 numbers");
  EXPECT_EQ(refusal_of(zipped({{"a/data.pkl", pickled(map_with(tensor(one, one, one)))}})),
            "has no record 'data/0', which a tensor needs");
  EXPECT_EQ(
      refusal_of(archive(map_with(tensor(one, one, one, "ComplexFloatStorage")))),
      "holds the name 'torch.ComplexFloatStorage', which is code that loading would run; only tensors, maps, "
      "lists, numbers and texts are read");
}

TEST(TensorFile, RefusesTensorsThatAreNotMadeAsPyTorchMakesThem) {
  const std::string one = number(1), made = "ctorch._utils\n_rebuild_tensor_v2\n";
  const auto refusal = [&](const std::string& value) { return refusal_of(archive(map_with(value))); };
  const auto stored = [&](const std::string& facts) {
    return made + tuple(tuple(facts) + "Q" + number(0) + tuple(one) + tuple(one)) + "R";
  };
  EXPECT_EQ(refusal("ctorch._utils\n_rebuild_parameter\n" + tuple("") + "R"),
            "holds a parameter without a tensor");
  EXPECT_EQ(refusal(made + tuple(one) + "R"), "has a tensor 'w' that is not made as PyTorch makes it");
  EXPECT_EQ(refusal(tensor(one + one, one, number(6))),
            "has a tensor 'w' that is not made as PyTorch makes it");
  const std::string of_floats = "ctorch\nFloatStorage\n" + text("0") + text("cpu") + number(6);
  EXPECT_EQ(refusal(stored(text("stored") + of_floats)),
            "has a tensor 'w' whose storage is not named as PyTorch names it");
  EXPECT_EQ(refusal(stored(text("storage") + "ctorch\nSize\n" + text("0") + text("cpu") + number(6))),
            "has a tensor 'w' of numbers that are not read");
  EXPECT_EQ(refusal(stored(text("storage") + of_floats + tuple(one))),
            "has a tensor 'w' in a part of a storage, as PyTorch 0.1 saved it; save it again");
  EXPECT_EQ(refusal(stored(text("storage") + of_floats + "N")), "");
  EXPECT_EQ(refusal_of(archive("}" + text("v") + tensor(one, one, number(6)) + "s" + text("w") +
                               tensor(one, one, number(5)) + "s")),
            "has a storage '0' of two sizes or dtypes");
}

TEST(TensorFile, RefusesStreamsWhoseRecordsAreNotThoseOfTheirTensors) {
  const auto stream = [](const std::string& version, const std::string& keys, const std::string& records) {
    const std::string magic("\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.", 15);
    return magic + pickled(version) + pickled("}") +
           pickled(map_with(tensor(number(6), number(1), number(6)))) + pickled(keys) + records;
  };
  const auto record = [](std::uint64_t numbers, std::size_t bytes) {
    return std::string(reinterpret_cast<const char*>(&numbers), 8) + std::string(bytes, '\0');
  };
  const std::string version = number(1001), keys = "](" + text("0") + "e";
  EXPECT_EQ(refusal_of(stream(version, keys, record(6, 24))), "");
  EXPECT_EQ(refusal_of(stream(number(1000), keys, record(6, 24))),
            "has version 1000 of the format; 1001 is read");
  EXPECT_EQ(refusal_of(stream(version, keys, "")), "is cut short before the record '0'");
  EXPECT_EQ(refusal_of(stream(version, keys, record(6, 23))), "is cut short in the record '0'");
  EXPECT_EQ(refusal_of(stream(version, keys, record(5, 24))),
            "has a record '0' of 5 numbers, but a tensor says 6");
  EXPECT_EQ(refusal_of(stream(version, "](" + text("1") + "e", record(6, 24))),
            "has a record '1' that no tensor names");
  EXPECT_EQ(refusal_of(stream(version, "]", "")), "has no record '0', which a tensor needs");
}

TEST(TensorFile, RefusesZipBombsWithoutUnpackingThem) {
  std::string bomb =
      archive(map_with(tensor(number(1), number(1), number(250000000))), std::string(1000, '\0'), true);
  // The sizes that the archive says of the storage: a gigabyte.
  for (std::size_t at = 0; (at = bomb.find(u32(1000), at)) != std::string::npos; at += 4)
    bomb.replace(at, 4, u32(1000000000));
  EXPECT_EQ(refusal_of(bomb), "has a record 'a/data/0' that is damaged: its sizes do not fit");
}

TEST(TensorFile, RefusesStreamsThatAreCutShort) {
  const std::string whole = file_text(golden("torch_stream.pth"));
  EXPECT_EQ(refusal_of(whole), "");
  for (std::size_t length = 1; length < whole.size(); length += 7)
    EXPECT_NE(refusal_of(whole.substr(0, length)), "") << length;
}

TEST(TensorFile, RefusesSafetensorsThatLie) {
  const auto said = [](const std::string& tensors) {
    const std::string message = refusal_of(safetensors("{" + tensors + "}", std::string(8, '\0')));
    return message.substr(message.find("': ") + 3);
  };
  EXPECT_EQ(said(R"("a":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,8]})"),
            "tensor 'a' has more elements than any memory");
  EXPECT_EQ(
      said(
          R"("a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]})"),
      "its tensors overlap or leave a hole at byte 8");
  EXPECT_EQ(said(R"("a":{"dtype":"F4","shape":[8],"data_offsets":[0,8]})"),
            "tensor 'a' has the unknown dtype \"F4\"");
  EXPECT_EQ(
      said(
          R"("a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]})"),
      "its header has 'a' twice");
  EXPECT_EQ(refusal_of(safetensors(R"({"a":{"dtype":"F8_E5M2","shape":[8],"data_offsets":[0,8]}})",
                                   std::string(8, '\0'))),
            "has the tensor 'a' in F8_E5M2, which is not read; F32, F16 and BF16 are");
}

// One bit, a few bytes or a run of 16 are others, also where a zip archive has its directory; or the end is missing.
std::string damaged_copy(std::string file, std::mt19937& random) {
  constexpr std::size_t kDirectory = 256;  // bytes at the end
  const auto any = [&] { return random() % file.size(); };
  const auto put = [&](std::size_t at) { file[std::min(at, file.size() - 1)] = static_cast<char>(random()); };
  switch (random() % 5) {
    case 0: {
      char& byte = file[any()];
      byte = static_cast<char>(byte ^ 1 << random() % 8);
      break;
    }
    case 1:
      for (unsigned hits = 1 + random() % 4; hits > 0; --hits) put(any());
      break;
    case 2:
      for (std::size_t at = any(), i = 0; i < 16; ++i) put(at + i);
      break;
    case 3:
      for (unsigned hits = 1 + random() % 4; hits > 0; --hits)
        put(file.size() - 1 - random() % std::min(kDirectory, file.size()));
      break;
    default:
      file.resize(any());
  }
  return file;
}

// Each copy is read, or refused in a sentence. DAGFUSION_DAMAGED_COPIES says how many.
TEST(TensorFile, SurvivesDamagedCopies) {
  const char* asked = std::getenv("DAGFUSION_DAMAGED_COPIES");
  const int copies = asked ? std::atoi(asked) : 200;
  std::mt19937 random(1);
  const std::string header = R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})";
  for (const std::string& whole :
       {file_text(golden("torch_archive.pth")), file_text(golden("torch_stream.pth")),
        safetensors(header, std::string(24, '\0')),
        archive(map_with(tensor(number(6), number(1), number(6))), std::string(24, '\0'), true)}) {
    for (int copy = 0; copy < copies; ++copy) {
      const std::string damaged = damaged_copy(whole, random);
      EXPECT_NO_THROW(refusal_of(damaged)) << copy;
    }
  }
}

}  // namespace
}  // namespace dagfusion::tests
