// Arrays as NumPy saves them: one value of one shape in a .npy file, or several in a .npz archive.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1.0 to 3.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/values/tensor.h"
#include "nodes/files/npy_header.h"

namespace dagfusion {

// An array of any size, read row by row: a row is all that stands behind one number of its first side. Numbers become u8,
// u16, i32 or f32, whatever their width and byte order; 64-bit integers must fit.
class NpyFile {
 public:
  // `key`: which array of a .npz; empty when there is only one. Throws std::runtime_error for what is no such file, cut
  // short, or holds anything but numbers: objects (a pickle), texts, records.
  explicit NpyFile(const std::filesystem::path&, const std::string& key = "");
  void give_whole_numbers();  // i32 whatever integers the file has; throws for reals
  ~NpyFile();
  NpyFile(NpyFile&&) noexcept;

  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }  // of the rows that read() gives
  const NumberFormat& stored() const { return stored_; }
  std::int64_t rows() const { return shape_.empty() ? 1 : shape_[0]; }
  std::size_t row_elements() const { return row_elements_; }
  std::size_t room_bytes() const { return row_elements_ * stored_.bytes; }
  // On any thread. Throws std::runtime_error that names file and row where a number does not fit, or, with `finite`, is
  // none (nan) or infinite.
  void read(std::int64_t row, std::byte* values, std::span<std::byte> room, bool finite = true) const;
  // Whatever numbers they are, in float64. Throws std::runtime_error where one is none (nan) or infinite.
  void read(std::int64_t row, std::span<double> values, std::span<std::byte> room) const;
  std::uint32_t checksum() const;  // of some rows, and of the size

 private:
  [[noreturn]] void fail(const std::string& what) const;
  void open_member(const std::string& key);
  void take_header(std::string_view start, std::uint64_t all_bytes);
  void load(std::int64_t row, std::span<std::byte> numbers) const;

  std::string path_, key_;
  int file_ = -1;
  std::uint64_t begin_ = 0;         // of the array's own file, in the file
  std::uint64_t data_ = 0;          // of the numbers, behind `begin_`
  std::vector<std::byte> member_;   // of a compressed archive, whole
  const std::byte* map_ = nullptr;  // of a file in Fortran order, whose rows lie scattered
  std::size_t map_bytes_ = 0;
  Shape shape_;
  NumberFormat stored_;
  DType dtype_ = DType::f32;
  bool fortran_ = false;
  std::size_t row_elements_ = 0;
};

// The names of the arrays in a .npz, without .npy; nothing for a .npy. Throws std::runtime_error that names the file.
std::vector<std::string> arrays_of_npz(const std::filesystem::path&);

void write_npy(const std::filesystem::path&, DType, const Shape&, std::span<const std::byte>);

}  // namespace dagfusion
