#include "nodes/files/graph_def.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "graph/document/fault.h"
#include "nodes/files/tensor_file.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

std::string number(std::uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text += static_cast<char>(value | 0x80);
  return text + static_cast<char>(value);
}
std::string field(int which, const std::string& bytes) {
  return number(static_cast<std::uint64_t>(which) << 3 | 2) + number(bytes.size()) + bytes;
}
std::string field(int which, std::uint64_t value) {
  return number(static_cast<std::uint64_t>(which) << 3) + number(value);
}

// A node of a graph that holds a constant of float32 (DT_FLOAT is 1).
std::string constant(const std::string& name, const Shape& shape, const std::vector<float>& values,
                     std::uint64_t dtype = 1) {
  std::string sides;
  for (const std::int64_t side : shape) sides += field(2, field(1, static_cast<std::uint64_t>(side)));
  const std::string content(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  const std::string tensor = field(1, dtype) + field(2, sides) + field(4, content);
  return field(1,
               field(1, name) + field(2, "Const") + field(5, field(1, "value") + field(2, field(8, tensor))));
}

std::filesystem::path saved(const ScratchFolder& folder, const std::string& bytes) {
  const std::filesystem::path path = folder.path() / "graph.pb";
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

TEST(GraphDef, GivesInceptionsConstantsThePyTorchNamesAndOrder) {
  const ScratchFolder folder;
  // [R,S,I,O] = [1,2,2,1]: (tap, in) = (0,0) 1, (0,1) 2, (1,0) 3, (1,1) 4; as [O,I,R,S] in 0 first: 1 3 2 4
  const auto path = saved(folder, constant("conv/conv2d_params", {1, 2, 2, 1}, {1, 2, 3, 4}) +
                                      constant("softmax/weights", {2, 3}, {1, 2, 3, 4, 5, 6}) +
                                      constant("mixed_4/tower_1/conv_3/batchnorm/beta", {2}, {7, 8}));
  const auto file = open_tensor_file(path);
  EXPECT_EQ(file->tensors().at("Conv2d_1a_3x3.conv.weight").shape, (Shape{1, 2, 1, 2}));
  EXPECT_EQ(file->read("Conv2d_1a_3x3.conv.weight"), (std::vector<float>{1, 3, 2, 4}));
  EXPECT_EQ(file->tensors().at("fc.weight").shape, (Shape{3, 2}));
  EXPECT_EQ(file->read("fc.weight"), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(file->read("Mixed_6b.branch7x7dbl_4.bn.bias"), (std::vector<float>{7, 8}));
}

// A layer of each kind of block, as torch-fidelity's conversion names them.
TEST(GraphDef, KnowsEveryKindOfBlock) {
  const std::map<std::string, std::string> names = {
      {"conv_4", "Conv2d_4a_3x3"},
      {"mixed/conv", "Mixed_5b.branch1x1"},
      {"mixed_1/tower/conv_1", "Mixed_5c.branch5x5_2"},
      {"mixed_2/tower_1/conv_2", "Mixed_5d.branch3x3dbl_3"},
      {"mixed_2/tower_2/conv", "Mixed_5d.branch_pool"},
      {"mixed_3/conv", "Mixed_6a.branch3x3"},
      {"mixed_3/tower/conv_2", "Mixed_6a.branch3x3dbl_3"},
      {"mixed_5/tower/conv_2", "Mixed_6c.branch7x7_3"},
      {"mixed_7/tower_1/conv_4", "Mixed_6e.branch7x7dbl_5"},
      {"mixed_8/tower/conv_1", "Mixed_7a.branch3x3_2"},
      {"mixed_8/tower_1/conv_3", "Mixed_7a.branch7x7x3_4"},
      {"mixed_9/tower/conv", "Mixed_7b.branch3x3_1"},
      {"mixed_9/tower/mixed/conv", "Mixed_7b.branch3x3_2a"},
      {"mixed_9/tower/mixed/conv_1", "Mixed_7b.branch3x3_2b"},
      {"mixed_10/tower_1/conv_1", "Mixed_7c.branch3x3dbl_2"},
      {"mixed_10/tower_1/mixed/conv", "Mixed_7c.branch3x3dbl_3a"},
      {"mixed_10/tower_1/mixed/conv_1", "Mixed_7c.branch3x3dbl_3b"},
  };
  const ScratchFolder folder;
  std::string graph;
  for (const auto& [own, name] : names) graph += constant(own + "/batchnorm/moving_variance", {1}, {1});
  const auto file = open_tensor_file(saved(folder, graph));
  for (const auto& [own, name] : names)
    EXPECT_TRUE(file->tensors().contains(name + ".bn.running_var")) << own;
}

TEST(GraphDef, LeavesOutWhatIsNoNumberOfItsOwn) {
  const ScratchFolder folder;
  const auto file = open_tensor_file(
      saved(folder, constant("other/weights", {2}, {1, 2}) + constant("shape", {1}, {0}, 3) +  // DT_INT32
                        constant("cut", {3}, {0})));  // fewer numbers than it says
  ASSERT_EQ(file->tensors().size(), 1u);
  EXPECT_EQ(file->read("other/weights"), (std::vector<float>{1, 2}));
}

// The nodes of the file that FID is defined with, which golden/inception_graph.py wrote: every weight of the network is found
// under the name and with the shape that PyTorch's programs have for it.
TEST(GraphDef, HoldsEveryWeightOfInception) {
  const std::filesystem::path golden = DAGFUSION_GOLDEN;
  const auto file = open_tensor_file(golden / "inception_graph.pb");
  std::ifstream list(golden / "inception_weights.txt");
  std::set<float> seen;
  std::size_t weights = 0;
  for (std::string name, sides; list >> name >> sides; ++weights) {
    ASSERT_TRUE(file->tensors().contains(name)) << name;
    std::string shape;
    for (const std::int64_t side : file->tensors().at(name).shape)
      shape += fmt::format("{}{}", shape.empty() ? "" : ",", side);
    EXPECT_EQ(shape, sides) << name;
    const std::vector<float> values = file->read(name);
    EXPECT_EQ(values.size(), static_cast<std::size_t>(count_of(file->tensors().at(name).shape))) << name;
    if (!name.starts_with("Conv2d_1a_3x3")) {
      EXPECT_EQ(values.front(), values.back()) << name;
      EXPECT_TRUE(seen.insert(values.front()).second) << name << " is another one's";
    }
  }
  EXPECT_EQ(weights, 472u);
  // Whole: tap (r,s) of input i and output o is number ((3 r + s) 3 + i) 32 + o of 1/64 each.
  const std::vector<float> first = file->read("Conv2d_1a_3x3.conv.weight");
  EXPECT_EQ(first[((2 * 3 + 1) * 3 + 0) * 3 + 2], (((0 * 3 + 2) * 3 + 1) * 32 + 2) / 64.0f);
  EXPECT_EQ(file->read("Sub/y"), (std::vector<float>{128}));
  EXPECT_FALSE(file->tensors().contains("ResizeBilinear/size"));
}

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

// A constant [4], whose numbers stand in these fields.
std::string listed(const std::string& name, std::uint64_t dtype, const std::string& fields) {
  const std::string tensor = field(1, dtype) + field(2, field(2, field(1, std::uint64_t{4}))) + fields;
  return field(1,
               field(1, name) + field(2, "Const") + field(5, field(1, "value") + field(2, field(8, tensor))));
}

TEST(GraphDef, ReadsNumbersInEveryWayThatTensorFlowWritesThem) {
  const ScratchFolder folder;
  const std::string one_each = number(5 << 3 | 5) + floats({1}) + number(5 << 3 | 5) + floats({2});
  const double doubles[] = {0.5, -3};
  const std::string packed_doubles(reinterpret_cast<const char*>(doubles), sizeof doubles);
  const std::uint16_t halves[] = {0x3C00, 0xC000, 0x3800, 0};  // 1, -2, 0.5, 0
  const std::string half_content(reinterpret_cast<const char*>(halves), sizeof halves);
  const auto file = open_tensor_file(
      saved(folder, listed("packed", 1, field(5, floats({1, 2, 3, 4}))) +
                        listed("repeated", 1, field(5, floats({7}))) + listed("one each", 1, one_each) +
                        listed("doubles", 2, field(6, packed_doubles)) +
                        listed("halves", 19, field(4, half_content)) +
                        listed("listed halves", 19, field(13, number(0x3C00) + number(0xC000))) +
                        listed("brain", 14, field(13, std::uint64_t{0x3FC0})) +
                        listed("too many", 1, field(5, floats({1, 2, 3, 4, 5}))) + listed("none", 1, "")));
  EXPECT_EQ(file->read("packed"), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(file->read("repeated"), (std::vector<float>{7, 7, 7, 7}));
  EXPECT_EQ(file->read("one each"), (std::vector<float>{1, 2, 2, 2}));
  EXPECT_EQ(file->read("doubles"), (std::vector<float>{.5f, -3, -3, -3}));
  EXPECT_EQ(file->read("halves"), (std::vector<float>{1, -2, .5f, 0}));
  EXPECT_EQ(file->read("listed halves"), (std::vector<float>{1, -2, -2, -2}));
  EXPECT_EQ(file->read("brain"), (std::vector<float>{1.5f, 1.5f, 1.5f, 1.5f}));
  EXPECT_EQ(file->tensors().at("halves").dtype, "F16");
  EXPECT_EQ(file->tensors().size(), 7u);
}

TEST(GraphDef, DoesNotFillTheMemoryWithOneNumber) {
  const ScratchFolder folder;
  const std::string side = field(2, field(1, std::uint64_t{1} << 20));
  const std::string tensor = field(1, std::uint64_t{1}) + field(2, side + side) + field(5, floats({1}));
  const std::string huge = field(
      1, field(1, "huge") + field(2, "Const") + field(5, field(1, "value") + field(2, field(8, tensor))));
  const auto file = open_tensor_file(saved(folder, huge + constant("a", {1}, {1})));
  EXPECT_EQ(file->tensors().size(), 1u);
}

TEST(GraphDef, EveryDamagedFileEndsInAValueOrASentence) {
  const ScratchFolder folder;
  const std::string whole =
      constant("conv/conv2d_params", {1, 1, 2, 2}, {1, 2, 3, 4}) + constant("a", {3}, {1, 2, 3});
  for (std::size_t i = 1; i < whole.size(); ++i)
    for (const int change : {-1, 0, 1, 0x7F, 0x80}) {
      std::string damaged = whole;
      if (change == -1)
        damaged.resize(i);
      else
        damaged[i] = static_cast<char>(damaged[i] ^ (change == 0 ? 0xFF : change));
      try {
        const auto file = open_graph_def(saved(folder, damaged));
        for (const auto& [name, facts] : file->tensors()) file->read(name);
      } catch (const UserError& error) {
        EXPECT_TRUE(std::string(error.what()).find("graph.pb' ") != std::string::npos) << error.what();
      }
    }
}

TEST(GraphDef, SaysWhatIsWrong) {
  const ScratchFolder folder;
  const auto said = [&](const std::string& bytes) {
    try {
      open_graph_def(saved(folder, bytes));
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string path = "'" + (folder.path() / "graph.pb").string() + "' ";
  EXPECT_EQ(said("\x0a\x7f"
                 "abc"),
            path + "is cut short, or damaged");
  EXPECT_EQ(said(constant("deep", Shape(9, 1), {1})), path + "holds a tensor of too many sides");
  EXPECT_EQ(said("\x0f"), path + "is no graph of TensorFlow, or damaged");
  EXPECT_EQ(said(field(1, field(1, "a") + field(2, "Conv2D"))),
            path + "holds no constants of real numbers; it must be a frozen graph of TensorFlow");
}

}  // namespace
}  // namespace dagfusion::tests
