#include "nodes/files/tensor_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>

#include "graph/document/fault.h"
#include "graph/document/near_path.h"
#include "graph/values/bfloat16.h"
#include "nodes/files/graph_def.h"
#include "nodes/files/npy.h"
#include "nodes/files/number_format.h"
#include "nodes/files/safetensors.h"
#include "nodes/files/zip.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;
using Kind = NumberFormat::Kind;

struct NamedFormat {
  std::string dtype;
  NumberFormat format;
};
const std::vector<NamedFormat>& number_formats() {
  static const std::vector<NamedFormat> all = {
      {"F64", {Kind::real, 8}},    {"F32", {Kind::real, 4}},    {"F16", {Kind::real, 2}},
      {"I64", {Kind::integer, 8}}, {"I32", {Kind::integer, 4}}, {"I16", {Kind::integer, 2}},
      {"I8", {Kind::integer, 1}},  {"U64", {.bytes = 8}},       {"U32", {.bytes = 4}},
      {"U16", {.bytes = 2}},       {"U8", {.bytes = 1}},        {"BOOL", {.bytes = 1}}};
  return all;
}

class SafetensorsTensors final : public TensorFile {
 public:
  explicit SafetensorsTensors(const fs::path& path) : TensorFile(path, "safetensors"), file_(path) {
    for (const auto& [name, tensor] : file_.tensors()) tensors_[name] = {tensor.dtype, tensor.shape};
  }

  std::vector<float> read(const std::string& name) override {
    const std::string& dtype = tensors_.at(name).dtype;
    if (bytes_of_dtype(dtype) == 0)
      fail(fmt::format("has the tensor '{}' in {}, which is not read; F32, F16 and BF16 are", name, dtype));
    return to_floats(dtype, file_.bytes_of(name));
  }

 private:
  SafetensorsFile file_;
};

// The parts of a model that is too large for one file, and the list of what lies where.
class ShardedTensors final : public TensorFile {
 public:
  explicit ShardedTensors(const fs::path& index) : TensorFile(index, "safetensors in parts") {
    for (const auto& [name, part] : read_index()) {
      auto opened = parts_.find(part);
      if (opened == parts_.end())
        opened = parts_.emplace(part, std::make_unique<SafetensorsTensors>(index.parent_path() / part)).first;
      const auto found = opened->second->tensors().find(name);
      if (found == opened->second->tensors().end())
        fail(fmt::format("says that '{}' lies in {}, which has no such tensor", name, part));
      tensors_.insert(*found);
      owners_[name] = opened->second.get();
    }
    for (const auto& [part, file] : parts_)
      for (const auto& [name, facts] : file->tensors())
        if (const auto owner = owners_.find(name); owner == owners_.end() || owner->second != file.get())
          fail(fmt::format("does not list '{}', which lies in {}", name, part));
  }

  std::vector<float> read(const std::string& name) override { return owners_.at(name)->read(name); }

 private:
  std::map<std::string, std::string> read_index() const {
    constexpr std::uintmax_t kLargest = 100'000'000;
    if (fs::file_size(path_) > kLargest) fail("is larger than any index of tensors");
    try {
      std::ifstream file(path_);
      const auto index = nlohmann::json::parse(file);
      const auto map = index.at("weight_map").get<std::map<std::string, std::string>>();
      for (const auto& [name, part] : map)
        if (part.empty() || fs::path(part).filename() != part)
          fail(fmt::format("names the part '{}'; parts lie beside it", part));
      return map;
    } catch (const nlohmann::json::exception& error) {
      fail(fmt::format("is no index of tensors: {}", error.what()));
    }
  }

  std::map<std::string, std::unique_ptr<SafetensorsTensors>> parts_;
  std::map<std::string, TensorFile*> owners_;
};

class NpzTensors final : public TensorFile {
 public:
  explicit NpzTensors(const fs::path& path) : TensorFile(path, "NumPy's .npz") {
    for (const ZipMember& member : list_zip(path)) {
      if (!member.name.ends_with(".npy")) continue;
      const std::string name = member.name.substr(0, member.name.size() - 4);
      const NpyFile array = open(name);
      const auto& all = number_formats();
      const auto known = std::find_if(all.begin(), all.end(), [&](const NamedFormat& f) {
        return f.format.kind == array.stored().kind && f.format.bytes == array.stored().bytes;
      });
      tensors_[name] = {known->dtype, array.shape()};
    }
  }

  std::vector<float> read(const std::string& name) override {
    const NpyFile array = open(name);
    std::vector<float> values;
    const std::size_t item = size_of(array.dtype());
    std::vector<std::byte> row(array.row_elements() * item), room(array.room_bytes());
    for (std::int64_t i = 0; i < array.rows(); ++i) {
      array.read(i, row.data(), room, false);
      const std::string dtype = item == 1                     ? "U8"
                                : item == 2                   ? "U16"
                                : array.dtype() == DType::i32 ? "I32"
                                                              : "F32";
      const std::vector<float> floats = to_floats(dtype, row);
      values.insert(values.end(), floats.begin(), floats.end());
    }
    return values;
  }

 private:
  NpyFile open(const std::string& name) const {
    try {
      return NpyFile(path_, name);
    } catch (const std::runtime_error& error) {
      throw UserError({}, error.what());
    }
  }
};

std::string beginning_of(const fs::path& path) {
  std::string start(16, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  return start;
}

std::unique_ptr<TensorFile> open_zip(const fs::path& path) {
  std::vector<ZipMember> members;
  try {
    members = list_zip(path);
  } catch (const std::runtime_error& error) {
    throw UserError({}, error.what());
  }
  const auto any_ends_with = [&](const char* ending) {
    return std::any_of(members.begin(), members.end(),
                       [&](const ZipMember& m) { return m.name.ends_with(ending); });
  };
  if (any_ends_with("/constants.pkl"))
    throw UserError(
        {}, fmt::format("'{}' is a program of TorchScript; save its state_dict() instead", path.string()));
  if (any_ends_with("/data.pkl")) return open_torch_archive(path);
  if (any_ends_with(".npy")) return std::make_unique<NpzTensors>(path);
  throw UserError(
      {}, fmt::format("'{}' is a zip archive with neither PyTorch's data.pkl nor .npy files", path.string()));
}

}  // namespace

void TensorFile::fail(const std::string& message) const {
  throw UserError({}, fmt::format("'{}' {}", path_.string(), message));
}

std::size_t bytes_of_dtype(const std::string& dtype) {
  if (dtype == "BF16") return sizeof(BFloat16);
  for (const NamedFormat& f : number_formats())
    if (f.dtype == dtype) return f.format.bytes;
  return 0;
}

std::vector<float> to_floats(const std::string& dtype, std::span<const std::byte> bytes) {
  std::vector<float> values(bytes.size() / bytes_of_dtype(dtype));
  if (dtype == "BF16") {
    for (std::size_t i = 0; i < values.size(); ++i) {
      BFloat16 half{};
      std::memcpy(&half, bytes.data() + i * sizeof(half), sizeof(half));
      values[i] = to_float(half);
    }
    return values;
  }
  for (const NamedFormat& f : number_formats())
    if (f.dtype == dtype) read_numbers(f.format, bytes, values);
  return values;
}

std::unique_ptr<TensorFile> open_tensor_file(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    throw UserError({{{},
                      fmt::format("there is no file '{}'{}", path.string(), path_suggestion(path.string())),
                      FaultKind::missing_file}});
  if (!fs::is_regular_file(path, ignored))
    throw UserError({}, fmt::format("'{}' is not a file", path.string()));
  if (path.string().ends_with(".index.json")) return std::make_unique<ShardedTensors>(path);
  const std::string start = beginning_of(path);
  if (start.starts_with("PK\x03\x04")) return open_zip(path);
  if (start.size() > 8 && start[8] == '{') return std::make_unique<SafetensorsTensors>(path);
  if (start.starts_with("\x80"))
    return open_torch_stream(path);  // a header of safetensors can be 0x80 bytes long
  if (starts_like_graph_def(start)) return open_graph_def(path);
  throw UserError(
      {}, fmt::format("'{}' is no file of tensors that is read: safetensors, .npz, or PyTorch's .pth, .pt, "
                      ".ckpt and .bin",
                      path.string()));
}

}  // namespace dagfusion
