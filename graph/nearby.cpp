#include "graph/nearby.h"

#include <vector>

#include "graph/fault.h"

namespace dagfusion {

std::string nearby(const std::filesystem::path& missing) {
  std::vector<std::string> names;
  std::error_code ignored;
  const std::filesystem::path folder = missing.parent_path().empty() ? "." : missing.parent_path();
  for (const auto& e : std::filesystem::directory_iterator(folder, ignored))
    names.push_back(e.path().filename().string());
  const std::string hint = suggestion(missing.filename().string(), names);
  return hint.starts_with("; did you mean") ? hint : "";
}

}  // namespace dagfusion
