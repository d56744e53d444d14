// Files that are whole or not there, whatever stops the process: written, fsynced, renamed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace dagfusion {

// A new file (an old one of that name is emptied);
// counts and checksums what goes in. Throws std::runtime_error.
class DurableFile {
 public:
  explicit DurableFile(std::filesystem::path);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  void write(std::span<const std::byte>);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  void close();  // on the disk when it returns
  std::uint64_t bytes() const { return bytes_; }
  std::uint32_t crc32c() const { return crc_; }

 private:
  std::filesystem::path path_;
  int file_ = -1;
  std::uint64_t bytes_ = 0;
  std::uint32_t crc_ = 0;
};

// False where the file system has no such thing (SMB, some of FUSE); errno says why. Throws std::runtime_error.
bool sync_directory(const std::filesystem::path&);

// Readers see the old text or the new one, never a mixture.
void replace_file(const std::filesystem::path&, std::string_view text);

std::string read_text(const std::filesystem::path&, std::uint64_t most_bytes = std::uint64_t{1} << 30);

// Throws std::runtime_error when the file system of `directory` has less than that free.
void require_space(const std::filesystem::path& directory, std::uint64_t bytes, std::string_view what_to_do);

}  // namespace dagfusion
