// What a file is by its first bytes, and what reads it: for who is given the wrong one.
#pragma once

#include <filesystem>
#include <string>

namespace dagfusion {

enum class FileKind : char {
  unknown,
  folder,
  hdf5,
  npy,
  npz,
  zip,
  tar,
  idx,
  pickle,
  picture,
  matlab,
  parquet,
};

// Compressed ones by what is inside. `unknown` also where there is no file, or none that can be read.
FileKind kind_of_file(const std::filesystem::path&);

// "is an HDF5 file, which hdf5_images reads and pack_hdf5.yaml packs"; empty for FileKind::unknown.
std::string what_reads(FileKind);

// Throws std::runtime_error when the file is of a known kind, and that is not the expected one.
void expect_kind(const std::filesystem::path&, FileKind expected);

}  // namespace dagfusion
