#include "nodes/files/unpacked_file.h"

#include <archive.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLeftFree = 16;  // of the folder for temporary files, a part of this size stays free

bool is_compressed(int file) {
  constexpr std::array<std::string_view, 4> kMagic = {"\x1F\x8B", "BZh", std::string_view("\xFD\x37zXZ\0", 6),
                                                      "\x28\xB5\x2F\xFD"};
  std::array<char, 6> start{};
  const ssize_t got = ::pread(file, start.data(), start.size(), 0);
  const std::string_view begin(start.data(), got < 0 ? 0 : static_cast<std::size_t>(got));
  for (const std::string_view magic : kMagic)
    if (begin.starts_with(magic)) return true;
  return false;
}

int nameless_file(const fs::path& folder) {
  int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file >= 0) return file;
  std::string name = (folder / "dagfusion-XXXXXX").string();  // file systems that have no such files
  file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file >= 0) ::unlink(name.c_str());
  return file;
}

std::uint64_t room_in(const fs::path& folder) {
  struct statvfs facts {};
  if (::statvfs(folder.c_str(), &facts) != 0) return 0;
  const std::uint64_t room = facts.f_bavail * facts.f_frsize, all = facts.f_blocks * facts.f_frsize;
  return room > all / kLeftFree ? room - all / kLeftFree : 0;
}

struct Closes {
  void operator()(archive* a) const { archive_read_free(a); }
};

// What the compressed file holds, into `to`.
std::uint64_t unpack(int from, int to, const fs::path& folder) {
  const std::unique_ptr<archive, Closes> packed(archive_read_new());
  if (!packed) throw std::bad_alloc();
  archive_read_support_filter_gzip(packed.get());
  archive_read_support_filter_bzip2(packed.get());
  archive_read_support_filter_xz(packed.get());
  archive_read_support_filter_zstd(packed.get());
  archive_read_support_format_raw(packed.get());
  archive_entry* entry = nullptr;
  constexpr std::size_t kBlock = std::size_t{1} << 16;
  const auto damaged = [] { return std::runtime_error("is damaged or cut short: it cannot be unpacked"); };
  if (archive_read_open_fd(packed.get(), from, kBlock) != ARCHIVE_OK ||
      archive_read_next_header(packed.get(), &entry) != ARCHIVE_OK)
    throw damaged();
  const std::uint64_t room = room_in(folder);
  std::uint64_t bytes = 0;
  std::array<char, kBlock> block;
  for (;;) {
    const la_ssize_t got = archive_read_data(packed.get(), block.data(), block.size());
    if (got < 0) throw damaged();
    if (got == 0) return bytes;
    bytes += static_cast<std::uint64_t>(got);
    if (bytes > room)
      throw std::runtime_error(fmt::format(
          "is larger than the {} MB that '{}' has room for, once unpacked; unpack it where there is more",
          room >> 20, folder.string()));
    if (::write(to, block.data(), static_cast<std::size_t>(got)) != got)
      throw std::runtime_error(
          fmt::format("cannot be unpacked into '{}': {}", folder.string(), std::strerror(errno)));
  }
}

}  // namespace

UnpackedFile::UnpackedFile(const fs::path& path) {
  const auto name = [&](const std::string& what) {
    return std::runtime_error(fmt::format("'{}' {}", path.string(), what));
  };
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (file_ < 0 || ::fstat(file_, &facts) != 0)
    throw name(fmt::format("cannot be read: {}", std::strerror(errno)));
  bytes_ = static_cast<std::uint64_t>(facts.st_size);
  if (!S_ISREG(facts.st_mode) || !is_compressed(file_)) return;
  const int packed = std::exchange(file_, -1);
  try {
    const fs::path folder = fs::temp_directory_path();
    file_ = nameless_file(folder);
    if (file_ < 0)
      throw std::runtime_error(
          fmt::format("cannot be unpacked into '{}': {}", folder.string(), std::strerror(errno)));
    bytes_ = unpack(packed, file_, folder);
    ::close(packed);
  } catch (const std::runtime_error& error) {
    ::close(packed);
    if (file_ >= 0) ::close(file_);
    throw name(error.what());
  }
}

UnpackedFile::~UnpackedFile() {
  if (file_ >= 0) ::close(file_);
}

UnpackedFile::UnpackedFile(UnpackedFile&& other) noexcept
    : file_(std::exchange(other.file_, -1)), bytes_(other.bytes_) {}

}  // namespace dagfusion
