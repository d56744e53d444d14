#include "nodes/files/files_matching.h"

#include <glob.h>

#include <algorithm>

#include "nodes/files/picture_list.h"

namespace dagfusion {

std::vector<std::filesystem::path> files_matching(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return {path};
  if (path.find_first_of("*?[") == std::string::npos) return {};
  glob_t found{};
  std::vector<std::string> names;
  if (::glob(path.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    names.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  std::sort(names.begin(), names.end(), natural_less);
  return {names.begin(), names.end()};
}

}  // namespace dagfusion
