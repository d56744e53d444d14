// Files that get their names together, once all of them are on the disk: one sync for many instead of one for each,
// which would take a hundredth of a second a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace dagfusion {

class ManyFiles {
 public:
  ManyFiles() = default;
  ManyFiles(const ManyFiles&) = delete;
  ManyFiles& operator=(const ManyFiles&) = delete;
  ~ManyFiles();  // what is whole gets its name

  // As `path`.part until publish(), which this calls from time to time. Throws std::runtime_error.
  void add(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
  void publish();

 private:
  std::vector<std::filesystem::path> waiting_;
};

}  // namespace dagfusion
