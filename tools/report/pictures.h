// Pictures of a run, few and small enough for a page.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace dagfusion {

struct PagePictures {
  int left_out = 0;  // of those between the first and the last
};

// [{step, name, data}], in less than so many bytes: of each name the first and the last, and evenly what lies between. Those
// that are large alone are shown smaller.
PagePictures add_pictures(const std::filesystem::path& run, std::size_t most_bytes,
                          nlohmann::ordered_json& list);

}  // namespace dagfusion
