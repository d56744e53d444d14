#include "nodes/files/file_bytes.h"

#include <unistd.h>

#include <cerrno>

namespace dagfusion {

namespace {

// `some(done)` moves what is left behind `done` bytes, as pread and pwrite do.
template <class Some>
std::int64_t all_of(std::size_t count, const Some& some) {
  std::size_t done = 0;
  while (done < count) {
    const ssize_t moved = some(done);
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return -1;
    if (moved == 0) break;
    done += static_cast<std::size_t>(moved);
  }
  return static_cast<std::int64_t>(done);
}

}  // namespace

std::int64_t read_up_to(int file, std::uint64_t at, void* bytes, std::size_t count) {
  return all_of(count, [&](std::size_t done) {
    return ::pread(file, static_cast<std::uint8_t*>(bytes) + done, count - done,
                   static_cast<off_t>(at + done));
  });
}

bool read_at(int file, std::uint64_t at, void* bytes, std::size_t count) {
  return read_up_to(file, at, bytes, count) == static_cast<std::int64_t>(count);
}

bool write_at(int file, std::uint64_t at, const void* bytes, std::size_t count) {
  const std::int64_t written = all_of(count, [&](std::size_t done) {
    return ::pwrite(file, static_cast<const std::uint8_t*>(bytes) + done, count - done,
                    static_cast<off_t>(at + done));
  });
  return written == static_cast<std::int64_t>(count);
}

}  // namespace dagfusion
