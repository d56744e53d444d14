#include "graph/document/near_path.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/document/fault.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& e : fs::directory_iterator(folder.empty() ? "." : folder, ignored))
    names.push_back(e.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

// Part by part: one that is not there becomes the nearest that is.
std::string path_suggestion(const std::string& given, const fs::path& folder) {
  fs::path meant;
  std::error_code ignored;
  for (const fs::path& part : fs::path(given)) {
    if (!part.empty() && !fs::exists(folder / meant / part, ignored)) {
      const auto near = nearest(part.string(), names_in(folder / meant));
      if (!near) return "";
      meant /= *near;
    } else {
      meant /= part;
    }
  }
  return fmt::format("; did you mean '{}'?", meant.string());
}

}  // namespace dagfusion
