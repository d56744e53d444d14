// Folders of a step: checkpoints, previews, records.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace dagfusion {

// "step-000100"; step: how many are done.
inline std::string step_name(std::int64_t step) { return fmt::format("step-{:06}", step); }

}  // namespace dagfusion
