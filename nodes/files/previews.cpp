#include "nodes/files/previews.h"

#include <algorithm>

#include "nodes/files/checkpoint_names.h"

namespace dagfusion {

namespace {

std::vector<std::filesystem::path> pictures_in(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> pictures;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(directory, none))
    if (entry.path().extension() == ".png" && entry.is_regular_file(none)) pictures.push_back(entry.path());
  std::sort(pictures.begin(), pictures.end());
  return pictures;
}

}  // namespace

std::vector<Preview> previews_of(const std::filesystem::path& run) {
  std::vector<Preview> found;
  for (const auto& picture : pictures_in(run)) found.push_back({0, picture});
  auto steps = steps_below(run / kPreviews);
  std::reverse(steps.begin(), steps.end());
  for (const auto& [step, directory] : steps)
    for (const auto& picture : pictures_in(directory)) found.push_back({step, picture});
  return found;
}

}  // namespace dagfusion
