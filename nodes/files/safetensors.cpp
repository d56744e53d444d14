#include "nodes/files/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "graph/document/fault.h"
#include "nodes/files/durable.h"

namespace dagfusion {
namespace {

using Json = nlohmann::json;
static_assert(std::endian::native == std::endian::little, "the values in the file are little-endian");

constexpr std::uint64_t kLargestHeader = 100'000'000;  // as in the reference implementation
constexpr std::uint64_t kLengthBytes = 8;

const std::map<std::string, std::uint64_t> kElementBytes = {
    {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},     {"I32", 4},     {"I16", 2}, {"I8", 1},
    {"U64", 8}, {"U32", 4}, {"U16", 2}, {"U8", 1},   {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"BOOL", 1}};

std::string dtype_name(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return "U8";
    case DType::u16:
      return "U16";
    case DType::i32:
      return "I32";
    case DType::f32:
      return "F32";
    case DType::bf16:
      return "BF16";
    case DType::images:
      break;
  }
  throw std::logic_error("safetensors: pictures of different sizes have no dtype");
}

std::uint64_t bytes_of(const StateTensor& tensor) {
  return static_cast<std::uint64_t>(count_of(tensor.shape)) * size_of(tensor.dtype);
}

// The order of the reference implementation: wide elements first, so that all lie aligned, then by name.
void sort_for_file(std::vector<StateTensor>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const StateTensor& a, const StateTensor& b) {
    if (size_of(a.dtype) != size_of(b.dtype)) return size_of(a.dtype) > size_of(b.dtype);
    return a.name < b.name;
  });
}

std::string header_of(const std::vector<StateTensor>& sorted, Metadata metadata) {
  metadata["format"] = "pt";  // some loaders refuse a file that does not say so
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  header["__metadata__"] = metadata;
  std::uint64_t begin = 0;
  for (const StateTensor& tensor : sorted) {
    if (header.contains(tensor.name)) throw std::logic_error("two values are called '" + tensor.name + "'");
    const std::uint64_t end = begin + bytes_of(tensor);
    header[tensor.name] = {
        {"dtype", dtype_name(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

// Parses JSON in which every key stands once; nlohmann's own parser lets the last one win.
Json parse_strictly(const std::string& text) {
  std::vector<std::set<std::string>> keys;
  return Json::parse(text, [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > 4) throw std::invalid_argument("is nested too deep");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      throw std::invalid_argument(fmt::format("has '{}' twice", parsed.get<std::string>()));
    }
    return true;
  });
}

std::uint64_t natural(const Json& number) {
  if (!number.is_number_unsigned())
    throw std::invalid_argument("has a side or an offset that is not a whole number");
  return number.get<std::uint64_t>();
}

SafetensorsFile::Tensor read_tensor(const Json& entry) {
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets")) {
    throw std::invalid_argument("needs dtype, shape and data_offsets, and nothing else");
  }
  if (!entry["dtype"].is_string() || !kElementBytes.count(entry["dtype"].get<std::string>())) {
    throw std::invalid_argument(fmt::format("has the unknown dtype {}", entry["dtype"].dump()));
  }
  const Json& offsets = entry["data_offsets"];
  if (!entry["shape"].is_array() || !offsets.is_array() || offsets.size() != 2) {
    throw std::invalid_argument("needs a list of sides as its shape, and two offsets");
  }
  SafetensorsFile::Tensor tensor{
      .dtype = entry["dtype"].get<std::string>(), .begin = natural(offsets[0]), .end = natural(offsets[1])};
  std::uint64_t bytes = kElementBytes.at(tensor.dtype);
  for (const Json& number : entry["shape"]) {
    const std::uint64_t side = natural(number);
    if (side > INT64_MAX || __builtin_mul_overflow(bytes, side, &bytes)) {
      throw std::invalid_argument("has more elements than any memory");
    }
    tensor.shape.push_back(static_cast<std::int64_t>(side));
  }
  if (tensor.begin > tensor.end || tensor.end - tensor.begin != bytes) {
    throw std::invalid_argument(
        fmt::format("has {} bytes by its shape, and lies from {} to {}", bytes, tensor.begin, tensor.end));
  }
  return tensor;
}

}  // namespace

std::uint64_t safetensors_bytes(std::vector<StateTensor> tensors, const Metadata& metadata) {
  sort_for_file(tensors);
  std::uint64_t bytes = kLengthBytes + header_of(tensors, metadata).size();
  for (const StateTensor& tensor : tensors) bytes += bytes_of(tensor);
  return bytes;
}

WrittenFile write_safetensors(const std::filesystem::path& path, std::vector<StateTensor> tensors,
                              const Metadata& metadata) {
  sort_for_file(tensors);
  const std::string header = header_of(tensors, metadata);
  const std::uint64_t length = header.size();
  DurableFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  std::vector<std::byte> values;
  for (const StateTensor& tensor : tensors) {
    values.resize(bytes_of(tensor));
    tensor.save(values.data());
    file.write(values);
  }
  file.close();
  return {file.bytes(), file.crc32c()};
}

SafetensorsFile::SafetensorsFile(std::filesystem::path path) : path_(std::move(path)) {
  if (!std::filesystem::is_regular_file(path_)) fail("there is no such file");
  const std::uint64_t bytes = std::filesystem::file_size(path_);
  file_.open(path_, std::ios::binary);
  std::uint64_t length = 0;
  if (!file_.read(reinterpret_cast<char*>(&length), kLengthBytes))
    fail("is too short for a safetensors file");
  if (length > kLargestHeader || length > bytes - kLengthBytes) {
    fail(fmt::format("says that its header has {} bytes; the file has {}", length, bytes));
  }
  std::string header(length, '\0');
  if (!file_.read(header.data(), static_cast<std::streamsize>(length))) fail("cannot be read");
  data_begin_ = kLengthBytes + length;
  read_header(header, bytes - data_begin_);
}

void SafetensorsFile::read_header(const std::string& header, std::uint64_t data_bytes) {
  if (header.empty() || header[0] != '{') fail("its header does not start with '{'");
  try {
    const Json parsed = parse_strictly(header);
    for (const auto& [name, entry] : parsed.items()) {
      if (name == "__metadata__") {
        metadata_ = entry.get<Metadata>();
        continue;
      }
      try {
        tensors_[name] = read_tensor(entry);
      } catch (const std::invalid_argument& error) {
        fail(fmt::format("tensor '{}' {}", name, error.what()));
      }
    }
  } catch (const std::invalid_argument& error) {
    fail(fmt::format("its header {}", error.what()));
  } catch (const Json::exception& error) {
    fail(fmt::format("its header is not right: {}", error.what()));
  }
  std::vector<const Tensor*> in_order;
  for (const auto& [name, tensor] : tensors_) in_order.push_back(&tensor);
  std::sort(in_order.begin(), in_order.end(), [](const Tensor* a, const Tensor* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::uint64_t end = 0;
  for (const Tensor* tensor : in_order) {
    if (tensor->begin != end) fail(fmt::format("its tensors overlap or leave a hole at byte {}", end));
    end = tensor->end;
  }
  if (end != data_bytes) fail(fmt::format("has {} bytes of values; its header says {}", data_bytes, end));
}

std::string SafetensorsFile::misfit(const StateTensor& wanted) const {
  const auto found = tensors_.find(wanted.name);
  if (found == tensors_.end()) return fmt::format("'{}' is missing", wanted.name);
  const auto& [name, tensor] = *found;
  if (tensor.shape == wanted.shape && tensor.dtype == dtype_name(wanted.dtype)) return "";
  return fmt::format("'{}' is {} {}, not {} {}", name, to_string(tensor.shape), tensor.dtype,
                     to_string(wanted.shape), dtype_name(wanted.dtype));
}

void SafetensorsFile::read(const StateTensor& wanted) {
  if (const std::string problem = misfit(wanted); !problem.empty()) fail(problem);
  wanted.load(bytes_of(wanted.name).data());
}

std::span<const std::byte> SafetensorsFile::bytes_of(const std::string& name) {
  const Tensor& tensor = tensors_.at(name);
  values_.resize(tensor.end - tensor.begin);
  file_.seekg(static_cast<std::streamoff>(data_begin_ + tensor.begin));
  if (!file_.read(reinterpret_cast<char*>(values_.data()), static_cast<std::streamsize>(values_.size()))) {
    fail("cannot be read");
  }
  return values_;
}

void SafetensorsFile::fail(const std::string& message) const {
  throw UserError({}, fmt::format("'{}': {}", path_.string(), message));
}

}  // namespace dagfusion
