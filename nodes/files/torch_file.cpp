// Files of torch.save: a pickle that says which tensors there are, and storages, which are their numbers.
//   archive (PyTorch 1.6 and later): a zip of NAME/data.pkl and NAME/data/KEY, little-endian
//   stream (before): pickles of a magic number, a version, facts of the machine, the tensors, the storages' keys;
//     then each storage: how many numbers (8 bytes), and the numbers
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <span>

#include "graph/document/fault.h"
#include "nodes/files/file_bytes.h"
#include "nodes/files/pickle.h"
#include "nodes/files/tensor_file.h"
#include "nodes/files/zip.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestPickle = 64 << 20;
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

bool knows(const std::string& name) {
  return dtypes_of_storages().count(name) != 0 || name == kTensor || name == kParameter ||
         name == kOrderedMap || name == kSize;
}

struct Storage {
  std::string dtype;
  std::int64_t numbers = 0;
  std::uint64_t begin = 0;          // in the file, of one that is stored there as it is
  std::optional<ZipMember> packed;  // of one that is compressed
};

// Which numbers of a storage a tensor is made of.
struct Place {
  std::string storage;
  std::int64_t offset = 0;
  Shape strides;
};

class TorchFile : public TensorFile {
 public:
  ~TorchFile() override {
    if (file_ >= 0) ::close(file_);
  }

  std::vector<float> read(const std::string& name) override {
    const Facts& facts = tensors_.at(name);
    const Place& place = places_.at(name);
    const Storage& storage = storages_.at(place.storage);
    const std::size_t item = bytes_of_dtype(storage.dtype);
    const auto numbers = static_cast<std::size_t>(count_of(facts.shape));
    if (numbers == 0) return {};
    const auto last = static_cast<std::size_t>(last_of(facts.shape, place.strides));
    const std::vector<float> all = to_floats(
        storage.dtype, bytes_of(storage, static_cast<std::size_t>(place.offset) * item, (last + 1) * item));
    return gathered(all, facts.shape, place.strides, numbers);
  }

 protected:
  TorchFile(const fs::path& path, std::string format) : TensorFile(path, std::move(format)) {
    file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) fail(fmt::format("cannot be read: {}", std::strerror(errno)));
    size_ = fs::file_size(path_);
  }

  // What the root of the pickle holds, below `prefix`.
  void take_tensors(const Pickle& pickle) { take(pickle, pickle.root(), "", 0); }

  // [0,last]: the numbers that a tensor reaches, from its offset. Strides are not negative.
  static std::int64_t last_of(const Shape& shape, const Shape& strides) {
    std::int64_t last = 0;
    for (std::size_t i = 0; i < shape.size(); ++i) last += (shape[i] - 1) * strides[i];
    return last;
  }

  int file_ = -1;
  std::uint64_t size_ = 0;
  std::map<std::string, Storage> storages_;

 private:
  std::vector<std::byte> bytes_of(const Storage& storage, std::size_t begin, std::size_t count) const {
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

  static std::vector<float> gathered(const std::vector<float>& all, const Shape& shape, const Shape& strides,
                                     std::size_t numbers) {
    std::vector<float> values;
    values.reserve(numbers);
    std::vector<std::int64_t> at(shape.size());
    std::int64_t from = 0;
    while (values.size() < numbers) {
      values.push_back(all[static_cast<std::size_t>(from)]);
      for (std::size_t i = shape.size(); i-- > 0;) {
        from += strides[i];
        if (++at[i] < shape[i]) break;
        from -= strides[i] * shape[i];
        at[i] = 0;
      }
    }
    return values;
  }

  void take(const Pickle& pickle, const Pickle::Value& value, const std::string& name, int depth) {
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
  void take_tensor(const Pickle& pickle, const Pickle::Value& call, const std::string& given) {
    const std::string name = given.empty() ? "tensor" : given;
    const auto wrong = [&](const std::string& what) {
      fail(fmt::format("has a tensor '{}' {}", name, what));
    };
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

  Shape sides(const Pickle& pickle, const Pickle::Value& value) const {
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

  void check_reach(const Storage& storage, std::int64_t offset, const Shape& shape, const Shape& strides,
                   const std::string& name) const {
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

  // ('storage', type, key, where it was, how many numbers)
  std::string take_storage(const Pickle& pickle, const Pickle::Value& persistent, const std::string& tensor) {
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

  virtual void find_storage(const std::string&, Storage&) {}

  std::map<std::string, Place> places_;
  std::size_t visits_ = 0;
};

class TorchArchive final : public TorchFile {
 public:
  explicit TorchArchive(const fs::path& path) : TorchFile(path, "PyTorch (zip)") {
    try {
      for (ZipMember& member : list_zip(file_, size_)) {
        const std::string name = member.name;
        if (name.ends_with("/data.pkl") && root_.empty()) root_ = name.substr(0, name.size() - 8);
        if (!members_.emplace(name, std::move(member)).second)
          throw std::runtime_error(fmt::format("has two records '{}'", name));
      }
      refuse_big_endian();
      const std::vector<std::uint8_t> bytes =
          read_zip_member(file_, members_.at(root_ + "data.pkl"), kLargestPickle);
      take_tensors(Pickle(bytes, knows));
    } catch (const UserError&) {
      throw;
    } catch (const std::runtime_error& error) {
      fail(error.what());
    }
  }

 private:
  void refuse_big_endian() const {
    const auto order = members_.find(root_ + "byteorder");
    if (order == members_.end()) return;
    const std::vector<std::uint8_t> text = read_zip_member(file_, order->second, 16);
    if (std::string(text.begin(), text.end()) != "little")
      throw std::runtime_error("was saved on a big-endian machine; save it again on another one");
  }

  void find_storage(const std::string& key, Storage& storage) override {
    const auto member = members_.find(root_ + "data/" + key);
    if (member == members_.end()) fail(fmt::format("has no record 'data/{}', which a tensor needs", key));
    const std::uint64_t wanted = static_cast<std::uint64_t>(storage.numbers) * bytes_of_dtype(storage.dtype);
    if (member->second.bytes != wanted)
      fail(fmt::format("has a record 'data/{}' of {} bytes, but a tensor says {}", key, member->second.bytes,
                       wanted));
    if (member->second.method != 0 || member->second.encrypted) {
      storage.packed = member->second;
      return;
    }
    storage.begin = begin_of_zip_member(file_, member->second);
    if (storage.begin > size_ || wanted > size_ - storage.begin)
      fail(fmt::format("has a record 'data/{}' that lies outside of it", key));
  }

  std::map<std::string, ZipMember> members_;
  std::string root_;  // "archive/"
};

class TorchStream final : public TorchFile {
 public:
  explicit TorchStream(const fs::path& path) : TorchFile(path, "PyTorch (before 1.6)") {
    try {
      std::vector<std::uint8_t> head(static_cast<std::size_t>(std::min(size_, kLargestPickle)));
      if (!read_at(file_, 0, head.data(), head.size())) throw std::runtime_error("cannot be read");
      read_pickles(head);
    } catch (const UserError&) {
      throw;
    } catch (const std::runtime_error& error) {
      fail(error.what());
    }
  }

 private:
  [[noreturn]] void refuse_other_pickle(std::span<const std::uint8_t> head) const {
    const std::string_view name = "torch_utils.persistence";  // of NVIDIA's networks
    if (std::search(head.begin(), head.end(), name.begin(), name.end()) == head.end())
      throw std::runtime_error("is a pickle, but not one of torch.save");
    throw std::runtime_error(
        fmt::format("is a pickle of whole objects with their program, which is not run here; if you trust "
                    "it, save its tensors, in "
                    "a clone of the repository that it is of: python -c \"import pickle, torch; "
                    "torch.save(pickle.load(open('{0}', 'rb'))['ema'].state_dict(), '{0}.pt')\"",
                    path_.string()));
  }

  void read_pickles(std::span<const std::uint8_t> head) {
    std::uint64_t at = 0;
    const auto next = [&] {
      Pickle pickle(head.subspan(at), knows);
      at += pickle.bytes();
      return pickle;
    };
    constexpr std::int64_t kVersion = 1001;
    const std::uint8_t magic[] = {0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46,
                                  0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, '.'};
    if (head.size() < sizeof(magic) || !std::equal(std::begin(magic), std::end(magic), head.begin()))
      refuse_other_pickle(head);
    next();
    const Pickle version = next();
    if (version.root().integer != kVersion)
      throw std::runtime_error(
          fmt::format("has version {} of the format; {} is read", version.root().integer, kVersion));
    next();  // facts of the machine
    const Pickle tensors = next();
    take_tensors(tensors);
    const Pickle keys = next();
    for (const int key : keys.root().items) at = take_record(keys.at(key).text, at);
    for (const auto& [key, storage] : storages_)
      if (storage.begin == 0) fail(fmt::format("has no record '{}', which a tensor needs", key));
  }

  // Of one storage, at `at`; returns where the next one begins.
  std::uint64_t take_record(const std::string& key, std::uint64_t at) {
    std::uint64_t numbers = 0;
    constexpr std::uint64_t kLengthBytes = 8;
    if (!read_at(file_, at, &numbers, kLengthBytes))
      fail(fmt::format("is cut short before the record '{}'", key));
    at += kLengthBytes;
    const auto known = storages_.find(key);
    if (known == storages_.end()) fail(fmt::format("has a record '{}' that no tensor names", key));
    if (numbers != static_cast<std::uint64_t>(known->second.numbers))
      fail(fmt::format("has a record '{}' of {} numbers, but a tensor says {}", key, numbers,
                       known->second.numbers));
    const std::uint64_t bytes = numbers * bytes_of_dtype(known->second.dtype);
    if (bytes > size_ - at) fail(fmt::format("is cut short in the record '{}'", key));
    known->second.begin = at;
    return at + bytes;
  }
};

}  // namespace

std::unique_ptr<TensorFile> open_torch_archive(const fs::path& path) {
  return std::make_unique<TorchArchive>(path);
}
std::unique_ptr<TensorFile> open_torch_stream(const fs::path& path) {
  return std::make_unique<TorchStream>(path);
}

}  // namespace dagfusion
