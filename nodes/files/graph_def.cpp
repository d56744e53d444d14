#include "nodes/files/graph_def.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <optional>
#include <span>
#include <stdexcept>

#include "graph/document/fault.h"
#include "graph/values/bfloat16.h"
#include "nodes/files/number_format.h"

namespace dagfusion {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 31;  // protobuf's own limit
constexpr std::size_t kMostSides = 8;

// Fields of the messages, by number.
constexpr int kGraphNode = 1, kNodeName = 1, kNodeOp = 2, kNodeAttribute = 5, kEntryKey = 1, kEntryValue = 2,
              kAttributeTensor = 8, kTensorType = 1, kTensorShape = 2, kTensorContent = 4, kTensorFloats = 5,
              kTensorDoubles = 6, kTensorHalves = 13, kShapeSide = 2, kSideSize = 1;
constexpr std::uint64_t kFloat = 1, kDouble = 2, kBFloat16 = 14, kHalf = 19;  // DT_FLOAT, …
constexpr std::uint64_t kMostRepeated = std::uint64_t{1}
                                        << 24;  // so that a short file does not fill the memory

enum class Wire { number = 0, eight_bytes = 1, bytes = 2, four_bytes = 5 };

struct Field {
  int number = 0;
  Wire wire = Wire::number;
  std::uint64_t value = 0;  // of a number
  std::string_view bytes;   // of the others
};

// One message: its fields, in their order.
class Message {
 public:
  explicit Message(std::string_view bytes) : rest_(bytes) {}

  std::optional<Field> next() {
    if (rest_.empty()) return std::nullopt;
    const std::uint64_t key = number();
    Field field{
        .number = static_cast<int>(key >> 3), .wire = static_cast<Wire>(key & 7), .value = 0, .bytes = {}};
    switch (field.wire) {
      case Wire::number:
        field.value = number();
        return field;
      case Wire::eight_bytes:
        field.bytes = take(8);
        return field;
      case Wire::bytes:
        field.bytes = take(number());
        return field;
      case Wire::four_bytes:
        field.bytes = take(4);
        return field;
    }
    throw std::runtime_error("is no graph of TensorFlow, or damaged");
  }

  bool over() const { return rest_.empty(); }

  std::uint64_t number() {  // seven bits a byte, the lowest first
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    throw std::runtime_error("is no graph of TensorFlow, or damaged");
  }

 private:
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) throw std::runtime_error("is cut short, or damaged");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
};

// Numbers of a tensor, little-endian. Fewer than the shape has: the last one stands for all that follow.
struct Constant {
  std::uint64_t type = 0;
  Shape shape;
  std::string_view content;
  std::string listed;  // instead of `content`, one after the other

  std::string_view bytes() const { return content.empty() ? listed : content; }
  std::uint64_t elements() const { return static_cast<std::uint64_t>(count_of(shape)); }
};

// As safetensors names it; empty for what holds no numbers that are read.
std::string_view dtype_of(std::uint64_t type) {
  if (type == kFloat) return "F32";
  if (type == kDouble) return "F64";
  if (type == kBFloat16) return "BF16";
  return type == kHalf ? "F16" : "";
}

std::size_t width_of(std::uint64_t type) { return type == kDouble ? 8 : type == kFloat ? 4 : 2; }

std::vector<float> numbers_of(const Constant& constant) {
  const std::size_t width = width_of(constant.type);
  const auto bytes = std::as_bytes(std::span(constant.bytes()));
  std::vector<float> values(bytes.size() / width);
  if (constant.type == kBFloat16)
    for (std::size_t i = 0; i < values.size(); ++i) {
      BFloat16 half{};
      std::memcpy(&half, bytes.data() + i * width, width);
      values[i] = to_float(half);
    }
  else
    read_numbers({NumberFormat::Kind::real, width, false}, bytes, values);
  values.resize(static_cast<std::size_t>(constant.elements()), values.back());
  return values;
}

Shape shape_of(std::string_view bytes) {
  Shape shape;
  Message message(bytes);
  while (const auto side = message.next()) {
    if (side->number != kShapeSide || side->wire != Wire::bytes) continue;
    std::uint64_t size = 0;
    Message sides(side->bytes);
    while (const auto f = sides.next())
      if (f->number == kSideSize) size = f->value;
    shape.push_back(static_cast<std::int64_t>(std::min(size, kMostBytes)));
    if (shape.size() > kMostSides) throw std::runtime_error("holds a tensor of too many sides");
  }
  return shape;
}

// Halves come as whole numbers of their bits; other numbers are packed, or one to a field.
void append_listed(const Field& field, std::string& listed) {
  const auto append_half = [&](std::uint64_t bits) {
    listed += static_cast<char>(bits & 0xFF);
    listed += static_cast<char>(bits >> 8 & 0xFF);
  };
  if (field.number != kTensorHalves)
    listed += field.bytes;
  else if (field.wire == Wire::number)
    append_half(field.value);
  else
    for (Message bits(field.bytes); !bits.over();) append_half(bits.number());
}

// Whether there are as many numbers as the shape asks for, or fewer of which the last is repeated.
bool is_whole(const Constant& constant) {
  std::uint64_t elements = 1;
  for (const std::int64_t side : constant.shape)
    if (__builtin_mul_overflow(elements, static_cast<std::uint64_t>(side), &elements)) return false;
  const std::uint64_t bytes = constant.bytes().size(), width = width_of(constant.type), given = bytes / width;
  if (given == 0 || bytes % width != 0) return false;
  return given == elements || (constant.content.empty() && given < elements && elements <= kMostRepeated);
}

// Nothing for a tensor of other numbers.
std::optional<Constant> constant_of(std::string_view tensor) {
  Constant constant;
  Message message(tensor);
  while (const auto f = message.next()) {
    if (f->number == kTensorType) constant.type = f->value;
    if (f->number == kTensorShape) constant.shape = shape_of(f->bytes);
    if (f->number == kTensorContent) constant.content = f->bytes;
    if (f->number == kTensorFloats || f->number == kTensorDoubles || f->number == kTensorHalves)
      append_listed(*f, constant.listed);
  }
  if (dtype_of(constant.type).empty() || !is_whole(constant)) return std::nullopt;
  return constant;
}

// "mixed_4" -> "Mixed_6b", for the blocks in the order in which they stand in the network.
constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kBlocks = {
    {{"conv", "Conv2d_1a_3x3"},
     {"conv_1", "Conv2d_2a_3x3"},
     {"conv_2", "Conv2d_2b_3x3"},
     {"conv_3", "Conv2d_3b_1x1"},
     {"conv_4", "Conv2d_4a_3x3"},
     {"mixed", "Mixed_5b"},
     {"mixed_1", "Mixed_5c"},
     {"mixed_2", "Mixed_5d"},
     {"mixed_3", "Mixed_6a"},
     {"mixed_4", "Mixed_6b"},
     {"mixed_5", "Mixed_6c"},
     {"mixed_6", "Mixed_6d"},
     {"mixed_7", "Mixed_6e"},
     {"mixed_8", "Mixed_7a"},
     {"mixed_9", "Mixed_7b"},
     {"mixed_10", "Mixed_7c"}}};

std::string_view block_of(std::string_view own) {
  for (const auto& [name, block] : kBlocks)
    if (name == own) return block;
  return {};
}

// "conv_1" -> 1
int number_of(std::string_view conv) { return conv.size() > 5 ? conv[5] - '0' : 0; }

// Of a layer inside a mixed block: "tower_1/conv_2" -> "branch3x3dbl_3". Empty for what is none.
std::string branch_of(std::string_view block, std::string_view place) {
  const auto step = [&](const char* name, std::string_view tower) {
    return fmt::format("{}_{}", name, number_of(place.substr(tower.size())) + 1);
  };
  const char kind = block[6];  // Mixed_5b: the first of the three kinds of size
  const bool halves = block == "Mixed_6a" || block == "Mixed_7a";
  if (place == "conv") return halves ? "branch3x3" : "branch1x1";
  if (place == "tower_2/conv") return "branch_pool";
  if (place.starts_with("tower/mixed/")) return number_of(place.substr(12)) ? "branch3x3_2b" : "branch3x3_2a";
  if (place.starts_with("tower_1/mixed/"))
    return number_of(place.substr(14)) ? "branch3x3dbl_3b" : "branch3x3dbl_3a";
  if (place.starts_with("tower_1/")) {
    if (block == "Mixed_7a") return step("branch7x7x3", "tower_1/");
    return step(kind == '6' ? "branch7x7dbl" : "branch3x3dbl", "tower_1/");
  }
  if (place.starts_with("tower/")) {
    if (block == "Mixed_6a") return step("branch3x3dbl", "tower/");
    if (kind == '5') return step("branch5x5", "tower/");
    return step(kind == '6' ? "branch7x7" : "branch3x3", "tower/");
  }
  return {};
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kEndings = {
    {{"/conv2d_params", ".conv.weight"},
     {"/batchnorm/gamma", ".bn.weight"},
     {"/batchnorm/beta", ".bn.bias"},
     {"/batchnorm/moving_mean", ".bn.running_mean"},
     {"/batchnorm/moving_variance", ".bn.running_var"}}};

// torchvision's name of a constant of Inception; its own when it is of another network.
std::string name_in_pytorch(std::string_view own) {
  if (own == "softmax/weights") return "fc.weight";
  if (own == "softmax/biases") return "fc.bias";
  for (const auto& [ending, name] : kEndings) {
    if (!own.ends_with(ending)) continue;
    const std::string_view layer = own.substr(0, own.size() - ending.size());
    const std::size_t slash = layer.find('/');
    const std::string_view block = block_of(layer.substr(0, slash));
    if (block.empty()) break;
    if (slash == layer.npos) return fmt::format("{}{}", block, name);
    if (const std::string branch = branch_of(block, layer.substr(slash + 1)); !branch.empty())
      return fmt::format("{}.{}{}", block, branch, name);
  }
  return std::string(own);
}

// Whose sides PyTorch has in another order: kernels [R,S,I,O] as [O,I,R,S], matrices [I,O] as [O,I].
bool is_turned(std::string_view own) { return own.ends_with("/conv2d_params") || own == "softmax/weights"; }

Shape turned(const Shape& shape) {
  if (shape.size() == 2) return {shape[1], shape[0]};
  return {shape[3], shape[2], shape[0], shape[1]};
}

std::vector<float> turned(const std::vector<float>& values, const Shape& from) {
  const std::int64_t out = from.back(), in = from[from.size() - 2],
                     taps = static_cast<std::int64_t>(values.size()) / (in * out);
  std::vector<float> to(values.size());
  for (std::int64_t tap = 0; tap < taps; ++tap)
    for (std::int64_t i = 0; i < in; ++i)
      for (std::int64_t o = 0; o < out; ++o)
        to[static_cast<std::size_t>((o * in + i) * taps + tap)] =
            values[static_cast<std::size_t>((tap * in + i) * out + o)];
  return to;
}

class GraphDef final : public TensorFile {
 public:
  explicit GraphDef(const std::filesystem::path& path) : TensorFile(path, "a graph of TensorFlow") {
    std::ifstream file(path, std::ios::binary);
    const std::uint64_t bytes = std::filesystem::file_size(path);
    if (bytes > kMostBytes) fail("is larger than any graph of TensorFlow can be");
    bytes_.resize(bytes);
    if (!file.read(bytes_.data(), static_cast<std::streamsize>(bytes))) fail("cannot be read");
    try {
      Message graph(bytes_);
      while (const auto f = graph.next())
        if (f->number == kGraphNode && f->wire == Wire::bytes) take_node(f->bytes);
    } catch (const std::runtime_error& error) {
      fail(error.what());
    }
    if (tensors_.empty()) fail("holds no constants of real numbers; it must be a frozen graph of TensorFlow");
  }

  std::vector<float> read(const std::string& name) override {
    const Kept& kept = kept_.at(name);
    const std::vector<float> values = numbers_of(kept.constant);
    return kept.turns ? turned(values, kept.constant.shape) : values;
  }

 private:
  struct Kept {
    Constant constant;
    bool turns = false;
  };

  void take_node(std::string_view node) {
    std::string_view name, op;
    std::optional<Constant> constant;
    Message message(node);
    while (const auto f = message.next()) {
      if (f->number == kNodeName) name = f->bytes;
      if (f->number == kNodeOp) op = f->bytes;
      if (f->number == kNodeAttribute)
        if (auto value = value_in(f->bytes)) constant = value;
    }
    if (op != "Const" || !constant) return;
    const bool turns = is_turned(name) && (constant->shape.size() == 4 || constant->shape.size() == 2);
    const std::string known = name_in_pytorch(name);
    tensors_[known] = {std::string(dtype_of(constant->type)),
                       turns ? turned(constant->shape) : constant->shape};
    kept_[known] = {std::move(*constant), turns};
  }

  // The tensor of the attribute "value".
  static std::optional<Constant> value_in(std::string_view entry) {
    std::string_view key, value;
    Message message(entry);
    while (const auto f = message.next()) {
      if (f->number == kEntryKey) key = f->bytes;
      if (f->number == kEntryValue) value = f->bytes;
    }
    if (key != "value") return std::nullopt;
    Message attribute(value);
    while (const auto f = attribute.next())
      if (f->number == kAttributeTensor && f->wire == Wire::bytes) return constant_of(f->bytes);
    return std::nullopt;
  }

  std::string bytes_;
  std::map<std::string, Kept> kept_;
};

}  // namespace

bool starts_like_graph_def(std::string_view start) {
  constexpr char kFirstNode = kGraphNode << 3 | static_cast<int>(Wire::bytes);
  return start.starts_with(kFirstNode);
}

std::unique_ptr<TensorFile> open_graph_def(const std::filesystem::path& path) {
  return std::make_unique<GraphDef>(path);
}

}  // namespace dagfusion
