#include "nodes/files/many_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>
#include <utility>

#include "nodes/files/durable.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostWaiting = 1024;  // files that a kill can cost
constexpr std::size_t kFew = 8;  // that are synced one by one: other writers' data need not be waited for

fs::path part_of(const fs::path& path) { return path.string() + ".part"; }

[[noreturn]] void fail(const fs::path& path, int reason) {
  throw std::runtime_error(fmt::format("'{}' cannot be written: {}", path.string(), std::strerror(reason)));
}

template <class Sync>
void sync(const fs::path& path, const fs::path& opened, const Sync& how) {
  const int file = ::open(opened.c_str(), O_RDONLY | O_CLOEXEC);
  const int reason = file >= 0 && how(file) == 0 ? 0 : errno;
  if (file >= 0) ::close(file);
  if (reason != 0) fail(path, reason);
}

}  // namespace

ManyFiles::~ManyFiles() {
  try {
    publish();
  } catch (const std::exception&) {  // what made this end says more
  }
}

void ManyFiles::add(const fs::path& path, std::span<const std::uint8_t> bytes) {
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  const int file = ::open(part_of(path).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) fail(path, errno);
  int reason = 0;
  while (!bytes.empty() && reason == 0) {
    const ssize_t some = ::write(file, bytes.data(), bytes.size());
    if (some >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(some));
    else if (errno != EINTR)
      reason = errno;
  }
  if (::close(file) != 0 && reason == 0) reason = errno;
  if (reason != 0) {
    std::error_code ignored;
    fs::remove(part_of(path), ignored);
    fail(path, reason);
  }
  waiting_.push_back(path);
  if (waiting_.size() == kMostWaiting) publish();
}

void ManyFiles::publish() {
  const std::vector<fs::path> files = std::exchange(waiting_, {});
  if (files.empty()) return;
  if (files.size() <= kFew)
    for (const fs::path& path : files) sync(path, part_of(path), ::fsync);
  else
    sync(files.front(), part_of(files.front()), ::syncfs);
  std::set<fs::path> folders;
  for (const fs::path& path : files) {
    fs::rename(part_of(path), path);
    folders.insert(path.has_parent_path() ? path.parent_path() : fs::path("."));
  }
  for (const fs::path& folder : folders) sync_directory(folder);
}

}  // namespace dagfusion
