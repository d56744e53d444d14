#include "nodes/files/silence.h"

#include <fcntl.h>
#include <unistd.h>

#include <mutex>

namespace dagfusion {
namespace {

std::mutex mutex;
int living = 0;
int kept = -1;  // standard error as it was

}  // namespace

Silence::Silence() {
  const std::lock_guard lock(mutex);
  if (living++ > 0) return;
  const int nothing = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  kept = nothing < 0 ? -1 : ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (kept >= 0) ::dup2(nothing, STDERR_FILENO);
  if (nothing >= 0) ::close(nothing);
}

Silence::~Silence() {
  const std::lock_guard lock(mutex);
  if (--living > 0 || kept < 0) return;
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  kept = -1;
}

}  // namespace dagfusion
