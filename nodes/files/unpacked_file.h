// A file of which any part can be read at any time, although it is compressed.
#pragma once

#include <cstdint>
#include <filesystem>

namespace dagfusion {

// Open for reading, with all that is in it. gzip, bzip2, xz and zstd, recognised by content, are unpacked into a file without
// a name in the folder for temporary files (TMPDIR), which is gone with the descriptor; anything else is opened as it is.
class UnpackedFile {
 public:
  // Throws std::runtime_error that names the file: it cannot be read, is damaged, or has no room.
  explicit UnpackedFile(const std::filesystem::path&);
  ~UnpackedFile();
  UnpackedFile(UnpackedFile&&) noexcept;
  UnpackedFile(const UnpackedFile&) = delete;
  UnpackedFile& operator=(const UnpackedFile&) = delete;

  int descriptor() const { return file_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  int file_ = -1;
  std::uint64_t bytes_ = 0;
};

}  // namespace dagfusion
