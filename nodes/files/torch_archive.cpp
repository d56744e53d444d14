#include <fmt/format.h>

#include <stdexcept>

#include "graph/document/fault.h"
#include "nodes/files/torch_file.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

class TorchArchive final : public TorchFile {
 public:
  explicit TorchArchive(const fs::path& path) : TorchFile(path, "PyTorch (zip)") {
    named([&] {
      for (ZipMember& member : list_zip(file_, size_)) {
        const std::string name = member.name;
        if (name.ends_with("/data.pkl") && root_.empty()) root_ = name.substr(0, name.size() - 8);
        if (!members_.emplace(name, std::move(member)).second)
          throw std::runtime_error(fmt::format("has two records '{}'", name));
      }
      refuse_big_endian();
      const std::vector<std::uint8_t> bytes =
          read_zip_member(file_, members_.at(root_ + "data.pkl"), kLargestTorchPickle);
      take_tensors(Pickle(bytes, torch_knows));
    });
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

}  // namespace

std::unique_ptr<TensorFile> open_torch_archive(const fs::path& path) {
  return std::make_unique<TorchArchive>(path);
}

}  // namespace dagfusion
