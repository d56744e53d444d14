// One process at a time in a file, where the file system has locks.
#pragma once

namespace dagfusion {

enum class FileLock : unsigned char {
  taken,
  in_use,      // by another process
  unsupported  // NFS without a lock daemon, Lustre without -o flock: nobody can know; errno says why
};

// Of an open file, until it is closed.
FileLock take_lock(int file);

}  // namespace dagfusion
