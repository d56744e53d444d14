#include "nodes/files/zip.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>

#include "nodes/files/file_bytes.h"

namespace dagfusion {
namespace {

constexpr std::size_t kEndBytes = 22, kMostComment = 65535, kEntryBytes = 46, kHeaderBytes = 30;
constexpr std::uint64_t kMostDirectory = std::uint64_t{1} << 30;
constexpr std::uint32_t kNarrow = 0xFFFFFFFF;  // stands for a number that only zip64 has room for

std::uint64_t little(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t count) {
  if (at + count > bytes.size())
    throw std::runtime_error("is a damaged zip archive: its directory is cut short");
  std::uint64_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | bytes[at + i];
  return value;
}

struct Directory {
  std::uint64_t begin = 0, bytes = 0, members = 0;
};

Directory find_directory(int file, std::uint64_t size) {
  const std::size_t tail = static_cast<std::size_t>(std::min<std::uint64_t>(size, kEndBytes + kMostComment));
  std::vector<std::uint8_t> end(tail);
  if (tail < kEndBytes || !read_at(file, size - tail, end.data(), tail))
    throw std::runtime_error("is no zip archive");
  std::size_t at = tail - kEndBytes + 1;
  while (at-- > 0)
    if (little(end, at, 4) == 0x06054B50) break;
  if (at > tail) throw std::runtime_error("is no zip archive, or cut short: it has no directory at its end");
  Directory directory{little(end, at + 16, 4), little(end, at + 12, 4), little(end, at + 10, 2)};
  if (directory.begin != kNarrow && directory.bytes != kNarrow && directory.members != 0xFFFF)
    return directory;
  constexpr std::size_t kLocatorBytes = 20, kWideEndBytes = 56;
  if (at < kLocatorBytes || little(end, at - kLocatorBytes, 4) != 0x07064B50) return directory;
  std::vector<std::uint8_t> wide(kWideEndBytes);
  if (!read_at(file, little(end, at - kLocatorBytes + 8, 8), wide.data(), wide.size()) ||
      little(wide, 0, 4) != 0x06064B50)
    throw std::runtime_error("is a damaged zip archive: its zip64 directory is not there");
  return {little(wide, 48, 8), little(wide, 40, 8), little(wide, 32, 8)};
}

// The numbers of a member that stand in its zip64 field, in this order, where they did not fit.
void take_wide(std::span<const std::uint8_t> extra, ZipMember& member) {
  for (std::size_t at = 0; at + 4 <= extra.size();) {
    const std::uint64_t id = little(extra, at, 2), bytes = little(extra, at + 2, 2);
    std::size_t value = at + 4;
    if (id == 1)
      for (std::uint64_t* number : {&member.bytes, &member.packed_bytes, &member.header})
        if (*number == kNarrow) {
          *number = little(extra, value, 8);
          value += 8;
        }
    at += 4 + bytes;
  }
}

}  // namespace

std::vector<ZipMember> list_zip(int file, std::uint64_t size) {
  const Directory directory = find_directory(file, size);
  if (directory.bytes > kMostDirectory || directory.begin > size || directory.bytes > size - directory.begin)
    throw std::runtime_error("is a damaged zip archive: its directory lies outside of it");
  std::vector<std::uint8_t> entries(directory.bytes);
  if (!read_at(file, directory.begin, entries.data(), entries.size()))
    throw std::runtime_error("is a damaged zip archive: its directory cannot be read");
  std::vector<ZipMember> members;
  std::uint64_t seen = 0;
  for (std::size_t at = 0; seen < directory.members && at + kEntryBytes <= entries.size(); ++seen) {
    if (little(entries, at, 4) != 0x02014B50)
      throw std::runtime_error("is a damaged zip archive: its directory is broken");
    const std::uint64_t name = little(entries, at + 28, 2), extra = little(entries, at + 30, 2),
                        comment = little(entries, at + 32, 2);
    if (at + kEntryBytes + name + extra > entries.size())
      throw std::runtime_error("is a damaged zip archive: its directory is cut short");
    ZipMember member{.name = {entries.begin() + static_cast<std::ptrdiff_t>(at + kEntryBytes),
                              entries.begin() + static_cast<std::ptrdiff_t>(at + kEntryBytes + name)},
                     .header = little(entries, at + 42, 4),
                     .packed_bytes = little(entries, at + 20, 4),
                     .bytes = little(entries, at + 24, 4),
                     .crc32 = static_cast<std::uint32_t>(little(entries, at + 16, 4)),
                     .method = static_cast<int>(little(entries, at + 10, 2)),
                     .encrypted = (little(entries, at + 8, 2) & 1) != 0};
    take_wide(std::span(entries).subspan(at + kEntryBytes + name, extra), member);
    at += kEntryBytes + name + extra + comment;
    if (!member.name.ends_with('/')) members.push_back(std::move(member));
  }
  return members;
}

std::vector<ZipMember> list_zip(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    throw std::runtime_error(fmt::format("'{}' cannot be read: {}", path.string(), std::strerror(errno)));
  try {
    std::vector<ZipMember> members = list_zip(file, std::filesystem::file_size(path));
    ::close(file);
    return members;
  } catch (const std::runtime_error& error) {
    ::close(file);
    throw std::runtime_error(fmt::format("'{}' {}", path.string(), error.what()));
  }
}

std::uint64_t begin_of_zip_member(int file, const ZipMember& member) {
  std::array<std::uint8_t, kHeaderBytes> header;
  if (!read_at(file, member.header, header.data(), header.size()) || little(header, 0, 4) != 0x04034B50)
    throw std::runtime_error("is damaged: it has no header in its archive");
  return member.header + kHeaderBytes + little(header, 26, 2) + little(header, 28, 2);
}

std::vector<std::uint8_t> read_zip_member(int file, const ZipMember& member, std::uint64_t most_bytes) {
  if (member.encrypted) throw std::runtime_error("is encrypted in its archive");
  if (member.method != 0 && member.method != Z_DEFLATED)
    throw std::runtime_error(
        fmt::format("is compressed by method {}; stored and deflated members are read", member.method));
  if (member.bytes > most_bytes || member.packed_bytes > most_bytes + (most_bytes >> 8) + 64)
    throw std::runtime_error(fmt::format("is {} bytes long; the limit is {}", member.bytes, most_bytes));
  const std::uint64_t begin = begin_of_zip_member(file, member);
  // deflate makes at most 1032 bytes of one
  if (member.method == 0 ? member.bytes != member.packed_bytes : member.bytes / 1040 > member.packed_bytes)
    throw std::runtime_error("is damaged: its sizes do not fit");
  std::vector<std::uint8_t> packed(member.packed_bytes);
  if (!read_at(file, begin, packed.data(), packed.size()))
    throw std::runtime_error("is cut short in its archive");
  std::vector<std::uint8_t> bytes;
  if (member.method == 0) {
    bytes = std::move(packed);
  } else {
    bytes.resize(member.bytes);
    z_stream stream = {};
    stream.next_in = packed.data();
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = bytes.data();
    stream.avail_out = static_cast<uInt>(bytes.size());
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
    const bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    if (!whole) throw std::runtime_error("is damaged: it cannot be decompressed");
  }
  const auto sum = static_cast<std::uint32_t>(crc32_z(0, bytes.data(), bytes.size()));
  if (sum != member.crc32)
    throw std::runtime_error(
        fmt::format("is damaged: its CRC-32 is {:08x}, not {:08x} as its archive says", sum, member.crc32));
  return bytes;
}

}  // namespace dagfusion
