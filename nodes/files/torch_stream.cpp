#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string_view>

#include "graph/document/fault.h"
#include "nodes/files/file_bytes.h"
#include "nodes/files/torch_file.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

class TorchStream final : public TorchFile {
 public:
  explicit TorchStream(const fs::path& path) : TorchFile(path, "PyTorch (before 1.6)") {
    named([&] {
      std::vector<std::uint8_t> head(static_cast<std::size_t>(std::min(size_, kLargestTorchPickle)));
      if (!read_at(file_, 0, head.data(), head.size())) throw std::runtime_error("cannot be read");
      read_pickles(head);
    });
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
      Pickle pickle(head.subspan(at), torch_knows);
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

std::unique_ptr<TensorFile> open_torch_stream(const fs::path& path) {
  return std::make_unique<TorchStream>(path);
}

}  // namespace dagfusion
