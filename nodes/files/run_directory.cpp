#include "nodes/files/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "graph/document/fault.h"
#include "nodes/files/durable.h"
#include "nodes/files/file_lock.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

// The number a directory's name is; 0 when it is none.
int number_of(const std::string& name) {
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() && name.size() >= 3 ? number : 0;
}

[[noreturn]] void fail(const char* what, const fs::path& path) {
  throw UserError({}, fmt::format("cannot {} '{}': {}", what, path.string(), std::strerror(errno)));
}

}  // namespace

RunDirectory RunDirectory::create(const fs::path& parent) {
  std::error_code error;
  fs::create_directories(parent, error);
  if (error) throw UserError({}, fmt::format("cannot make '{}': {}", parent.string(), error.message()));
  const std::optional<fs::path> last = newest(parent);
  for (int number = last ? number_of(last->filename()) + 1 : 1;; ++number) {
    const fs::path path = parent / fmt::format("{:03}", number);
    if (fs::create_directory(path, error)) return RunDirectory(path);  // mkdir: one process gets it
    if (error) throw UserError({}, fmt::format("cannot make '{}': {}", path.string(), error.message()));
  }
}

RunDirectory RunDirectory::open(const fs::path& run) {
  if (!fs::is_directory(run))
    throw UserError({}, fmt::format("there is no run directory '{}'", run.string()));
  return RunDirectory(run);
}

std::vector<fs::path> RunDirectory::all(const fs::path& parent) {
  std::vector<fs::path> runs;
  if (!fs::is_directory(parent)) return runs;
  for (const auto& entry : fs::directory_iterator(parent)) {
    if (entry.is_directory() && number_of(entry.path().filename()) > 0) runs.push_back(entry.path());
  }
  std::sort(runs.begin(), runs.end(), [](const fs::path& a, const fs::path& b) {
    return number_of(a.filename()) > number_of(b.filename());
  });
  return runs;
}

std::optional<fs::path> RunDirectory::newest(const fs::path& parent) {
  const std::vector<fs::path> runs = all(parent);
  if (runs.empty()) return std::nullopt;
  return runs.front();
}

RunDirectory::RunDirectory(fs::path path) : path_(std::move(path)) {
  const fs::path lock = path_ / "lock";
  lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) fail("write", lock);
  if (take_lock(lock_) == FileLock::in_use) {
    char holder[32] = {};
    if (::pread(lock_, holder, sizeof holder - 1, 0) < 0) holder[0] = '\0';
    ::close(lock_);
    throw UserError({}, fmt::format("'{}' is in use by process {}", path_.string(), holder));
  }
  const std::string process = std::to_string(::getpid());
  if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, process.data(), process.size(), 0) < 0) {
    const int reason = errno;
    ::close(lock_);
    errno = reason;
    fail("write", lock);
  }
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

void RunDirectory::write(std::string_view name, std::string_view text) const {
  replace_file(path_ / name, text);
}

void RunDirectory::write_once(std::string_view name, std::string_view text) const {
  if (!fs::exists(path_ / name)) write(name, text);
}

}  // namespace dagfusion
