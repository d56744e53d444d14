// Names in a checkpoint that its writer and its reader share.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace dagfusion {

inline constexpr const char* kCheckpoints = "checkpoints";
inline constexpr const char* kLiveWeights = "weights.safetensors";
inline constexpr const char* kPipeline = "pipeline.yaml";
inline constexpr const char* kFacts = "state.json";
// Metadata of the safetensors files.
inline constexpr const char* kHolds = "holds";
inline constexpr const char* kWeights = "weights";
inline constexpr const char* kState = "state";
inline constexpr const char* kSpareState = "spare state";  // of what a run goes on without
inline constexpr const char* kNode = "node";

// A node called "weights" gets a second dot, so that no node takes the name of the live weights.
inline std::string state_file(std::string path) {
  if (path == "weights") path += '.';
  std::replace(path.begin(), path.end(), '/', '.');
  return path + ".safetensors";
}

// The step of a directory called step-NNNNNN; -1 for any other name.
inline std::int64_t step_of(const std::string& name) {
  std::int64_t step = -1;
  if (!name.starts_with("step-")) return -1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + 5, end, step);
  return error == std::errc() && stop == end ? step : -1;
}

// Checkpoints in a directory, whole or damaged, newest first.
inline std::vector<std::pair<std::int64_t, std::filesystem::path>> steps_below(
    const std::filesystem::path& parent) {
  std::vector<std::pair<std::int64_t, std::filesystem::path>> steps;
  if (!std::filesystem::is_directory(parent)) return steps;
  for (const auto& entry : std::filesystem::directory_iterator(parent)) {
    const std::int64_t step = step_of(entry.path().filename());
    if (entry.is_directory() && step >= 0) steps.emplace_back(step, entry.path());
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

}  // namespace dagfusion
