#include "nodes/files/torch_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "nodes/files/file_bytes.h"
#include "nodes/files/grid_walk.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostTensors = 200'000;
constexpr int kDeepest = 32;

const std::map<std::string, std::string>& dtypes_of_storages() {
  static const std::map<std::string, std::string> all = {
      {"torch FloatStorage", "F32"}, {"torch DoubleStorage", "F64"},    {"torch HalfStorage", "F16"},
      {"torch LongStorage", "I64"},  {"torch BFloat16Storage", "BF16"}, {"torch IntStorage", "I32"},
      {"torch ShortStorage", "I16"}, {"torch CharStorage", "I8"},       {"torch ByteStorage", "U8"},
      {"torch BoolStorage", "BOOL"}};
  return all;
}

constexpr const char* kTensor = "torch._utils _rebuild_tensor_v2";
constexpr const char* kParameter = "torch._utils _rebuild_parameter";
constexpr const char* kOrderedMap = "collections OrderedDict";
constexpr const char* kSize = "torch Size";

// [0,last]: the numbers that a tensor reaches, from its offset. Strides are not negative.
std::int64_t last_of(const Shape& shape, const Shape& strides) {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) last += (shape[i] - 1) * strides[i];
  return last;
}

}  // namespace

bool torch_knows(const std::string& name) {
  return dtypes_of_storages().count(name) != 0 || name == kTensor || name == kParameter ||
         name == kOrderedMap || name == kSize;
}

TorchFile::TorchFile(const fs::path& path, std::string format) : TensorFile(path, std::move(format)) {
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) fail(fmt::format("cannot be read: {}", std::strerror(errno)));
  size_ = fs::file_size(path_);
}

TorchFile::~TorchFile() {
  if (file_ >= 0) ::close(file_);
}

std::vector<float> TorchFile::read(const std::string& name) {
  const Facts& facts = tensors_.at(name);
  const Place& place = places_.at(name);
  const Storage& storage = storages_.at(place.storage);
  const std::size_t item = bytes_of_dtype(storage.dtype);
  const auto numbers = static_cast<std::size_t>(count_of(facts.shape));
  if (numbers == 0) return {};
  const auto last = static_cast<std::size_t>(last_of(facts.shape, place.strides));
  const std::vector<float> all = to_floats(
      storage.dtype, bytes_of(storage, static_cast<std::size_t>(place.offset) * item, (last + 1) * item));
  std::vector<float> values;
  values.reserve(numbers);
  for_each_place(0, facts.shape, place.strides,
                 [&](std::int64_t from) { values.push_back(all[static_cast<std::size_t>(from)]); });
  return values;
}

std::vector<std::byte> TorchFile::bytes_of(const Storage& storage, std::size_t begin,
                                           std::size_t count) const {
  std::vector<std::byte> bytes(count);
  if (!storage.packed) {
    if (!read_at(file_, storage.begin + begin, bytes.data(), count))
      fail("cannot be read: it became shorter");
    return bytes;
  }
  try {
    const std::vector<std::uint8_t> all = read_zip_member(file_, *storage.packed, storage.packed->bytes);
    std::memcpy(bytes.data(), all.data() + begin, count);
    return bytes;
  } catch (const std::runtime_error& error) {
    fail(fmt::format("has a record '{}' that {}", storage.packed->name, error.what()));
  }
}

void TorchFile::take(const Pickle& pickle, const Pickle::Value& value, const std::string& name, int depth) {
  if (depth > kDeepest) fail("holds itself, or is nested too deep for tensors");
  if (++visits_ > 10 * kMostTensors) fail("holds the same values again and again");
  if (pickle.calls(value, kTensor)) return take_tensor(pickle, value, name);
  const auto below = [&](const std::string& key) { return name.empty() ? key : name + "." + key; };
  if (pickle.calls(value, kParameter)) {
    const Pickle::Value& arguments = pickle.item(value, 1);
    if (arguments.items.empty()) fail("holds a parameter without a tensor");
    return take(pickle, pickle.item(arguments, 0), name, depth + 1);
  }
  const bool ordered = pickle.calls(value, kOrderedMap);
  if (value.kind == Pickle::Kind::map || ordered) {
    for (std::size_t i = ordered ? 2 : 0; i + 1 < value.items.size(); i += 2) {
      const Pickle::Value& key = pickle.item(value, i);
      take(pickle, pickle.item(value, i + 1),
           below(key.kind == Pickle::Kind::text ? key.text : std::to_string(key.integer)), depth + 1);
    }
  } else if (value.kind == Pickle::Kind::list || value.kind == Pickle::Kind::tuple) {
    for (std::size_t i = 0; i < value.items.size(); ++i)
      take(pickle, pickle.item(value, i), below(std::to_string(i)), depth + 1);
  }
}

// _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)
void TorchFile::take_tensor(const Pickle& pickle, const Pickle::Value& call, const std::string& given) {
  const std::string name = given.empty() ? "tensor" : given;
  const auto wrong = [&](const std::string& what) { fail(fmt::format("has a tensor '{}' {}", name, what)); };
  const Pickle::Value& arguments = pickle.item(call, 1);
  if (arguments.items.size() < 4 || pickle.item(arguments, 0).kind != Pickle::Kind::persistent)
    wrong("that is not made as PyTorch makes it");
  const std::string key = take_storage(pickle, pickle.item(arguments, 0), name);
  const Storage& storage = storages_.at(key);
  const std::int64_t offset = pickle.item(arguments, 1).integer;
  const Shape shape = sides(pickle, pickle.item(arguments, 2)),
              strides = sides(pickle, pickle.item(arguments, 3));
  if (shape.size() != strides.size() || offset < 0) wrong("that is not made as PyTorch makes it");
  check_reach(storage, offset, shape, strides, name);
  if (places_.size() >= kMostTensors) fail(fmt::format("has more than {} tensors", kMostTensors));
  if (!places_.emplace(name, Place{key, offset, strides}).second) wrong("twice");
  tensors_[name] = {storage.dtype, shape};
}

// ('storage', type, key, where it was, how many numbers)
std::string TorchFile::take_storage(const Pickle& pickle, const Pickle::Value& persistent,
                                    const std::string& tensor) {
  const Pickle::Value& id = pickle.item(persistent, 0);
  if (id.kind != Pickle::Kind::tuple || id.items.size() < 5 || pickle.item(id, 0).text != "storage")
    fail(fmt::format("has a tensor '{}' whose storage is not named as PyTorch names it", tensor));
  const auto dtype = dtypes_of_storages().find(pickle.item(id, 1).text);
  if (dtype == dtypes_of_storages().end())
    fail(fmt::format("has a tensor '{}' of numbers that are not read", tensor));
  if (id.items.size() > 5 && pickle.item(id, 5).kind != Pickle::Kind::none)
    fail(fmt::format("has a tensor '{}' in a part of a storage, as PyTorch 0.1 saved it; save it again",
                     tensor));
  const std::string& key = pickle.item(id, 2).text;
  const std::int64_t numbers = pickle.item(id, 4).integer;
  const auto [known, is_new] = storages_.emplace(key, Storage{dtype->second, numbers});
  if (!is_new && (known->second.dtype != dtype->second || known->second.numbers != numbers))
    fail(fmt::format("has a storage '{}' of two sizes or dtypes", key));
  if (numbers < 0 || static_cast<std::uint64_t>(numbers) > std::numeric_limits<std::int64_t>::max() / 8)
    fail(fmt::format("has a storage '{}' of {} numbers", key, numbers));
  if (is_new) find_storage(key, known->second);
  return key;
}

Shape TorchFile::sides(const Pickle& pickle, const Pickle::Value& value) const {
  const Pickle::Value& list = pickle.calls(value, kSize) && !pickle.item(value, 1).items.empty()
                                  ? pickle.item(pickle.item(value, 1), 0)
                                  : value;
  Shape sides;
  for (const int i : list.items) {
    if (pickle.at(i).kind != Pickle::Kind::integer || pickle.at(i).integer < 0)
      fail("has a shape with a side that is not a whole number");
    sides.push_back(pickle.at(i).integer);
  }
  return sides;
}

void TorchFile::check_reach(const Storage& storage, std::int64_t offset, const Shape& shape,
                            const Shape& strides, const std::string& name) const {
  std::int64_t numbers = 1, last = offset;
  bool huge = false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    std::int64_t way = 0;
    huge = huge || __builtin_mul_overflow(numbers, shape[i], &numbers) ||
           __builtin_mul_overflow(std::max<std::int64_t>(shape[i] - 1, 0), strides[i], &way) ||
           __builtin_add_overflow(last, way, &last);
  }
  if (numbers == 0 && !huge) return;
  if (huge || numbers > storage.numbers || last >= storage.numbers)
    fail(fmt::format("has a tensor '{}' of {} from number {} on, but its storage has {} numbers", name,
                     to_string(shape), offset, storage.numbers));
}

}  // namespace dagfusion
