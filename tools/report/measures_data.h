// What was measured of a run's images, by step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace dagfusion {

// [{name, step: [...], columns: {name: [...]}}]: the last row of each file of numbers beside the previews, and of those in
// the run itself, after so many `steps`. `log`: the file that is none of them.
nlohmann::ordered_json measures_of(const std::filesystem::path& run, const std::string& log,
                                   std::int64_t steps);

}  // namespace dagfusion
