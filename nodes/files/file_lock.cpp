#include "nodes/files/file_lock.h"

#include <sys/file.h>

#include <cerrno>

namespace dagfusion {

FileLock take_lock(int file) {
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return FileLock::taken;
  return errno == EWOULDBLOCK ? FileLock::in_use : FileLock::unsupported;
}

}  // namespace dagfusion
