// An HDF5 file for reading, trusted in nothing: the library says where things lie (hdf5_contents.h), their bytes are read
// and decoded here.
// Links to elsewhere, external storage, virtual datasets and unknown filters are refused.
// All functions throw std::runtime_error that starts with the file's name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "graph/values/tensor.h"
#include "nodes/files/hdf5_contents.h"

namespace dagfusion {

class SlabCache;

std::string to_string(const Hdf5Entry&);  // "'/train/images' uint8 [60000,28,28]"

class Hdf5File {
 public:
  explicit Hdf5File(const std::filesystem::path& path);
  ~Hdf5File();
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return bytes_; }
  [[noreturn]] void fail(const std::string& what) const;

  // See hdf5_contents.h.
  std::vector<Hdf5Entry> datasets() const {
    return asked([&] { return hdf5_datasets(descriptor_); });
  }
  std::optional<Hdf5Dataset> find(const std::string& name) const {
    return asked([&] { return hdf5_dataset(descriptor_, name); });
  }
  std::vector<Hdf5Chunk> chunks(const std::string& name, const Shape& shape, const Shape& chunk) const {
    return asked([&] { return hdf5_chunks(descriptor_, name, shape, chunk); });
  }
  std::optional<std::int64_t> whole_number(const char* attribute) const {
    return asked([&] { return hdf5_whole_number(descriptor_, attribute); });
  }
  std::vector<double> reals(const std::string& dataset, const char* attribute) const {
    return asked([&] { return hdf5_reals(descriptor_, dataset, attribute); });
  }

  void read(std::uint64_t at, std::span<std::uint8_t> bytes) const;  // from the start of the file
  // The bytes of a value of any length, by the 16 bytes that stand for it in its dataset (its length, heap and index).
  std::vector<std::uint8_t> long_value(std::span<const std::uint8_t> reference, std::size_t item_bytes) const;

 private:
  // What goes wrong there starts with the file's name.
  template <class Ask>
  std::invoke_result_t<const Ask&> asked(const Ask& ask) const {
    try {
      return ask();
    } catch (const std::runtime_error& error) {
      fail(error.what());
    }
  }

  std::string path_;
  std::uint64_t bytes_ = 0, base_ = 0;  // base: where the file's own addresses count from
  bool long_addresses_ = true;
  int descriptor_ = -1;
};

// A dataset, read row by row: a row is all that stands behind one number of its first side.
class Hdf5Rows {
 public:
  enum class Holds { rows, one_row };  // one_row: the whole dataset is the only row, with 1 as its first side
  Hdf5Rows(std::shared_ptr<const Hdf5File>, const std::string& name, std::size_t cache_bytes,
           Holds holds = Holds::rows);
  ~Hdf5Rows();
  Hdf5Rows(Hdf5Rows&&) noexcept;

  const std::string& name() const { return name_; }
  const Hdf5Type& type() const { return type_; }
  const Shape& shape() const { return shape_; }
  std::int64_t count() const { return shape_[0]; }
  std::size_t row_bytes() const { return row_bytes_; }
  std::size_t room_bytes() const { return room_bytes_; }
  std::int64_t rows_in_chunk() const { return rows_in_chunk_; }
  bool has_checksums() const { return filters_.has(Hdf5Filter::fletcher32); }
  std::size_t cache_bytes() const;  // that decoded chunks take at the most
  std::size_t whole_bytes() const { return row_bytes_ * static_cast<std::size_t>(count()); }

  std::vector<double> attribute(const char* name) const { return file_->reals(name_, name); }

  // The first rows of which nothing was ever written, up to `most`.
  std::vector<std::int64_t> never_written(std::size_t most) const;
  // On any thread. `room`: room_bytes(), aligned to 16. `what` names the row in messages: "image 3".
  void read(std::int64_t row, std::span<std::uint8_t> bytes, std::span<std::uint8_t> room) const;
  // All rows of a small dataset: labels, names, checksums.
  std::vector<std::uint8_t> read_all() const;

 private:
  using Storage = Hdf5Dataset::Storage;

  void take_type_and_shape(const Hdf5Dataset&);
  void take_storage(Hdf5Dataset);
  void take_chunks(const Hdf5Dataset&);
  void take_places(const Shape& chunk);
  [[noreturn]] void refuse_too_many() const;
  [[noreturn]] void damaged(std::int64_t row, const std::string& how) const;
  void read_chunk(std::int64_t row, const Hdf5Chunk& place, std::span<std::uint8_t> chunk,
                  std::span<std::uint8_t> room) const;
  void read_slab(std::int64_t slab, std::span<std::uint8_t> rows, std::span<std::uint8_t> room) const;
  void copy_inside(std::span<const std::uint8_t> chunk, const Shape& number,
                   std::span<std::uint8_t> rows) const;

  std::shared_ptr<const Hdf5File> file_;
  std::string name_;
  Holds holds_ = Holds::rows;
  Hdf5Type type_;
  Shape shape_;
  std::size_t row_bytes_ = 0, room_bytes_ = 0, chunk_bytes_ = 0;
  Storage storage_ = Storage::contiguous;
  std::int64_t rows_in_chunk_ = 1;
  std::optional<std::uint64_t> begin_;  // of contiguous data; nothing when none was ever written
  std::vector<std::uint8_t> compact_;
  std::vector<std::size_t> chunk_;  // sides
  std::vector<Hdf5Chunk> places_;   // of all chunks, the last side the fastest
  std::size_t chunks_in_slab_ = 1;  // that hold the same rows
  bool chunk_is_row_ = false;
  Hdf5Filters filters_;
  std::unique_ptr<SlabCache> cache_;  // of decoded chunks that hold several rows
};

}  // namespace dagfusion
