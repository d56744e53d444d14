// A pipeline inside a run that a request to stop has cut short leaves a mark in the folder of its step,
// and runs again when the run goes on after that step.
#pragma once

#include <filesystem>
#include <string>

#include "graph/values/step_name.h"

namespace dagfusion {

inline constexpr const char* kUnfinished = ".unfinished";

// Where pipelines inside the run write after so many steps.
inline std::filesystem::path inner_folder(const std::filesystem::path& run, std::int64_t step) {
  return run / "previews" / step_name(step);
}

inline std::filesystem::path unfinished_mark(const std::filesystem::path& folder, const std::string& node) {
  return folder / (node + kUnfinished);
}

inline bool has_unfinished(const std::filesystem::path& run, std::int64_t step) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(inner_folder(run, step), none))
    if (entry.path().extension() == kUnfinished) return true;
  return false;
}

}  // namespace dagfusion
