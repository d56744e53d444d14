// Files to be read, where memory may be short.
#pragma once

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <new>

namespace dagfusion {

// A stream alone only says that it failed. Lack of memory is not to pass for a file that cannot be read.
inline std::ifstream open_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file && errno == ENOMEM) throw std::bad_alloc();
  return file;
}

}  // namespace dagfusion
