// A new folder that goes with its owner.
#pragma once

#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace dagfusion {

class Scratch {
 public:
  explicit Scratch(const std::string& what) {
    std::string name =
        (std::filesystem::temp_directory_path() / fmt::format("dagfusion-{}-XXXXXX", what)).string();
    if (!mkdtemp(name.data())) throw std::runtime_error(fmt::format("cannot make the folder '{}'", name));
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
