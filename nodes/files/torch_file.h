// Files of torch.save: a pickle that says which tensors there are, and storages, which are their numbers.
//   archive (PyTorch 1.6 and later): a zip of NAME/data.pkl and NAME/data/KEY, little-endian; torch_archive.cpp
//   stream (before): pickles of a magic number, a version, facts of the machine, the tensors, the storages' keys;
//     then each storage: how many numbers (8 bytes), and the numbers; torch_stream.cpp
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "graph/document/fault.h"
#include "nodes/files/pickle.h"
#include "nodes/files/tensor_file.h"
#include "nodes/files/zip.h"

namespace dagfusion {

inline constexpr std::uint64_t kLargestTorchPickle = 64 << 20;

bool torch_knows(const std::string& name);  // a name that may stand in such a pickle

// What both have: tensors as pickle and storages describe them.
class TorchFile : public TensorFile {
 public:
  ~TorchFile() override;

  std::vector<float> read(const std::string& name) override;

 protected:
  struct Storage {
    std::string dtype;
    std::int64_t numbers = 0;
    std::uint64_t begin = 0;          // in the file, of one that is stored there as it is
    std::optional<ZipMember> packed;  // of one that is compressed
  };

  TorchFile(const std::filesystem::path&, std::string format);

  // f(); what it finds wrong is said with the file's name.
  template <class F>
  void named(const F& f) const {
    try {
      f();
    } catch (const UserError&) {
      throw;
    } catch (const std::runtime_error& error) {
      fail(error.what());
    }
  }

  void take_tensors(const Pickle& pickle) { take(pickle, pickle.root(), "", 0); }

  int file_ = -1;
  std::uint64_t size_ = 0;
  std::map<std::string, Storage> storages_;

 private:
  // Which numbers of a storage a tensor is made of.
  struct Place {
    std::string storage;
    std::int64_t offset = 0;
    Shape strides;
  };

  // Says where a storage lies that a tensor names, where that is known by now.
  virtual void find_storage(const std::string&, Storage&) {}

  std::vector<std::byte> bytes_of(const Storage&, std::size_t begin, std::size_t count) const;
  void take(const Pickle&, const Pickle::Value&, const std::string& name, int depth);
  void take_tensor(const Pickle&, const Pickle::Value& call, const std::string& given);
  std::string take_storage(const Pickle&, const Pickle::Value& persistent, const std::string& tensor);
  Shape sides(const Pickle&, const Pickle::Value&) const;
  void check_reach(const Storage&, std::int64_t offset, const Shape& shape, const Shape& strides,
                   const std::string& name) const;

  std::map<std::string, Place> places_;
  std::size_t visits_ = 0;
};

}  // namespace dagfusion
