// A file that appears under its name only when it is whole and on the disk; one process at a time makes it.
#pragma once

#include <filesystem>
#include <string>

namespace dagfusion {

class NewFile {
 public:
  NewFile() = default;
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() { abandon(); }

  // Takes `path`.part, in which the contents are to be written. Throws std::runtime_error when another process is
  // making that file, when it cannot be made, or when `path` exists and is not to be replaced.
  void start(const std::filesystem::path& path, bool replace);
  bool started() const { return file_ >= 0; }
  const std::filesystem::path& part() const { return part_; }
  // All is written, and whoever wrote it has closed it: syncs it, gives it its name, syncs the folder.
  void publish();
  void abandon();  // what is not published is removed
  void leave();    // what is not published stays as `path`.part, which another process can take
  int descriptor() const {
    return file_;
  }  // of the part, for reading and writing; it may hold what was left there

 private:
  std::filesystem::path path_, part_;
  bool replace_ = false;
  int file_ = -1;  // of the part, locked
};

// What keeps `path` from being made; empty when nothing does. Makes nothing on the disk.
std::string why_not_writable(const std::filesystem::path& path);

}  // namespace dagfusion
