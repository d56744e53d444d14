// Zip archives: what is in one, and the bytes of one member; any member at any time, on any thread.
// PKWARE's APPNOTE.TXT 6.3.10, with zip64; stored and deflated members.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dagfusion {

struct ZipMember {
  std::string name;
  std::uint64_t header = 0;  // where it begins in the archive
  std::uint64_t packed_bytes = 0, bytes = 0;
  std::uint32_t crc32 = 0;
  int method = 0;  // 0: stored, 8: deflated
  bool encrypted = false;
};

// In the order of the archive's directory; folders are left out. Throws std::runtime_error that names the file.
std::vector<ZipMember> list_zip(const std::filesystem::path&);
std::vector<ZipMember> list_zip(int file, std::uint64_t size);  // the same without the name

// Throws std::runtime_error without the archive's name: "is encrypted", "is damaged: its CRC-32 is …".
std::vector<std::uint8_t> read_zip_member(int file, const ZipMember&, std::uint64_t most_bytes);

// Where the bytes of a stored member begin.
std::uint64_t begin_of_zip_member(int file, const ZipMember&);

}  // namespace dagfusion
