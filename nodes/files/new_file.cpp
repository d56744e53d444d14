#include "nodes/files/new_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "nodes/files/durable.h"
#include "nodes/files/file_lock.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw std::runtime_error(fmt::format("'{}' {}", path.string(), what));
}

std::string exists() { return "exists; choose another path, or say overwrite: true"; }

// Between open and lock another process may have given the file its name.
bool is_still(const fs::path& path, int file) {
  struct stat there {
  }, held{};
  return ::fstat(file, &held) == 0 && ::stat(path.c_str(), &there) == 0 && there.st_ino == held.st_ino &&
         there.st_dev == held.st_dev;
}

}  // namespace

void NewFile::start(const fs::path& path, bool replace) {
  abandon();
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  path_ = path;
  replace_ = replace;
  const fs::path part = path.string() + ".part";
  while (file_ < 0) {
    const int file = ::open(part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) fail(path, fmt::format("cannot be written: {}", std::strerror(errno)));
    if (take_lock(file) == FileLock::in_use) {
      ::close(file);
      fail(path, "is being made by another process");
    }
    if (is_still(part, file))
      file_ = file;
    else
      ::close(file);
  }
  part_ = part;  // ours from here on
  if (!replace_ && fs::exists(path_)) {
    abandon();
    fail(path, exists());
  }
}

void NewFile::publish() {
  if (::fsync(file_) != 0) fail(part_, fmt::format("cannot be written: {}", std::strerror(errno)));
  if (replace_) {
    fs::rename(part_, path_);
  } else if (::renameat2(AT_FDCWD, part_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) fail(path_, exists());
    if (errno != EINVAL && errno != ENOSYS)
      fail(path_, fmt::format("cannot be written: {}", std::strerror(errno)));
    fs::rename(part_, path_);  // a file system that has no such call
  }
  part_.clear();
  const fs::path folder = path_.parent_path();
  sync_directory(folder.empty() ? "." : folder);
  abandon();
}

void NewFile::abandon() {
  std::error_code ignored;
  if (!part_.empty()) fs::remove(part_, ignored);
  part_.clear();
  if (file_ >= 0) ::close(std::exchange(file_, -1));
}

void NewFile::leave() {
  part_.clear();
  if (file_ >= 0) ::close(std::exchange(file_, -1));
}

std::string why_not_writable(const fs::path& path) {
  std::error_code ignored;
  fs::path folder = path.parent_path().empty() ? fs::path(".") : path.parent_path();
  while (!folder.empty() && !fs::exists(folder, ignored) && folder.has_parent_path() &&
         folder != folder.parent_path())
    folder = folder.parent_path();
  if (folder.empty() || !fs::exists(folder, ignored)) folder = ".";
  if (!fs::is_directory(folder, ignored)) return fmt::format("'{}' is no folder", folder.string());
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return fmt::format("nothing can be written to '{}': {}", folder.string(), std::strerror(errno));
  return "";
}

}  // namespace dagfusion
