#include "nodes/files/file_system.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "nodes/files/durable.h"
#include "nodes/files/file_lock.h"

namespace dagfusion {

std::vector<std::string> file_system_warnings(const std::filesystem::path& run) {
  std::vector<std::string> warnings;
  const int file = ::open((run / "lock").c_str(), O_RDWR | O_CLOEXEC);
  if (file >= 0 && take_lock(file) == FileLock::unsupported)
    warnings.push_back(fmt::format(
        "the file system of '{}' has no locks ({}); nothing keeps a second process out of the run",
        run.string(), std::strerror(errno)));
  if (file >= 0) ::close(file);
  if (!sync_directory(run))
    warnings.push_back(
        fmt::format("the file system of '{}' cannot sync folders ({}); when the machine stops at once, the "
                    "newest checkpoint may be lost",
                    run.string(), std::strerror(errno)));
  return warnings;
}

}  // namespace dagfusion
