// Tar archives that are not compressed: what is in one, and where its bytes lie. POSIX.1-2017 pax and ustar, GNU's long names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dagfusion {

struct TarMember {
  std::string name;
  std::uint64_t begin = 0, bytes = 0;
};

// Regular files, in the order of the archive. Throws std::runtime_error that names the file.
std::vector<TarMember> list_tar(const std::filesystem::path&);

}  // namespace dagfusion
