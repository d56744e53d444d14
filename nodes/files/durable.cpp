#include "nodes/files/durable.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "graph/values/open_file.h"
#include "nodes/files/crc32c.h"

namespace dagfusion {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
  throw std::runtime_error(fmt::format("cannot {} '{}': {}", what, path.string(), std::strerror(errno)));
}

std::string megabytes(std::uint64_t bytes) { return fmt::format("{} MB", (bytes + 999'999) / 1'000'000); }

}  // namespace

DurableFile::DurableFile(std::filesystem::path path) : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file_ < 0) fail("create", path_);
}

DurableFile::~DurableFile() {
  if (file_ >= 0) ::close(file_);
}

void DurableFile::write(std::span<const std::byte> data) {
  crc_ = dagfusion::crc32c(data, crc_);
  bytes_ += data.size();
  while (!data.empty()) {
    const ssize_t written = ::write(file_, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path_);
    data = data.subspan(static_cast<std::size_t>(written));
  }
}

void DurableFile::close() {
  if (::fsync(file_) != 0) fail("write", path_);
  const int file = std::exchange(file_, -1);
  if (::close(file) != 0) fail("write", path_);
}

bool sync_directory(const std::filesystem::path& directory) {
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) fail("open", directory);
  const int reason = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  errno = reason;
  if (reason == EINVAL || reason == ENOTSUP) return false;
  if (reason != 0) fail("write", directory);
  return true;
}

void replace_file(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::path partial = path;
  partial += ".partial";
  DurableFile file(partial);
  file.write(text);
  file.close();
  std::filesystem::rename(partial, path);
  const auto directory = path.parent_path();
  sync_directory(directory.empty() ? "." : directory);
}

std::string read_text(const std::filesystem::path& path, std::uint64_t most_bytes) {
  if (!std::filesystem::is_regular_file(path)) {
    throw std::runtime_error(fmt::format("'{}' is not a file", path.string()));
  }
  const std::uint64_t bytes = std::filesystem::file_size(path);
  if (bytes > most_bytes) {
    throw std::runtime_error(
        fmt::format("'{}' has {} bytes; at most {} are read", path.string(), bytes, most_bytes));
  }
  std::string text(bytes, '\0');
  std::ifstream file = open_file(path);
  if (!file.read(text.data(), static_cast<std::streamsize>(bytes))) {
    throw std::runtime_error(fmt::format("cannot read '{}'", path.string()));
  }
  return text;
}

void require_space(const std::filesystem::path& directory, std::uint64_t bytes, std::string_view what_to_do) {
  struct statvfs facts {};
  if (::statvfs(directory.c_str(), &facts) != 0) fail("look at", directory);
  const std::uint64_t free = std::uint64_t{facts.f_bavail} * facts.f_frsize;
  if (free >= bytes) return;
  throw std::runtime_error(fmt::format("'{}' has {} free, but {} are needed; {}", directory.string(),
                                       megabytes(free), megabytes(bytes), what_to_do));
}

}  // namespace dagfusion
