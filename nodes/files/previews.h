// Pictures that the previews of a run have drawn.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace dagfusion {

inline constexpr const char* kPreviews = "previews";

struct Preview {
  std::int64_t step = 0;  // 0: of the run itself
  std::filesystem::path picture;
};

// By step, then by name; PNG files.
std::vector<Preview> previews_of(const std::filesystem::path& run);

}  // namespace dagfusion
