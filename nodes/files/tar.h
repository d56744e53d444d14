// Tar archives: what is in one, and where its bytes lie. POSIX.1-2017 pax and ustar, GNU's long names.
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

// .tar, and what is one inside: .tar.gz, .tgz, .tar.bz2, .tar.xz, .tar.zst and their short forms.
bool is_named_like_tar(const std::filesystem::path&);

// Regular files of the open archive, in its order. Throws std::runtime_error without its name: "is no tar archive".
std::vector<TarMember> list_tar(int file, std::uint64_t size);

}  // namespace dagfusion
