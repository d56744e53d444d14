// Run directories: parent/001, 002, …, one for each run; locked while a process is in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace dagfusion {

class RunDirectory {
 public:
  // Makes the next free number below `parent`, also when other processes do the same at the same moment.
  static RunDirectory create(const std::filesystem::path& parent);
  // One that is there, to go on with its run. A UserError when it is not, or when another process is in it.
  static RunDirectory open(const std::filesystem::path& run);
  // The highest number; nothing when there is none.
  static std::optional<std::filesystem::path> newest(const std::filesystem::path& parent);
  // All of them, newest first.
  static std::vector<std::filesystem::path> all(const std::filesystem::path& parent);

  RunDirectory(RunDirectory&&) noexcept;
  RunDirectory& operator=(RunDirectory&&) = delete;
  ~RunDirectory();

  const std::filesystem::path& path() const { return path_; }
  void write(std::string_view name, std::string_view text) const;       // whole or not at all
  void write_once(std::string_view name, std::string_view text) const;  // nothing when it is there already

 private:
  explicit RunDirectory(std::filesystem::path);
  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace dagfusion
