// A new folder that goes with its owner, below the one for temporary files.
#pragma once

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace dagfusion {

inline std::filesystem::path temporary_folder() {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (!error) return folder;
  std::string named = "/tmp";
  for (const char* variable : {"TEMPDIR", "TEMP", "TMP", "TMPDIR"})  // the last that is set counts
    if (const char* given = getenv(variable)) named = given;
  throw std::runtime_error(
      fmt::format("there is no folder '{}' for temporary files; set TMPDIR to one", named));
}

class Scratch {
 public:
  explicit Scratch(const std::string& what) {
    std::string name = (temporary_folder() / fmt::format("dagfusion-{}-XXXXXX", what)).string();
    if (!mkdtemp(name.data()))
      throw std::runtime_error(fmt::format("cannot make the folder '{}': {}", name, std::strerror(errno)));
    path_ = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace dagfusion
