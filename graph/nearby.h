// Files whose names are nearly those that a user has typed. Private to graph/.
#pragma once

#include <filesystem>
#include <string>

namespace dagfusion {

// "; did you mean 'train.yaml'?" when a file beside `missing` is called nearly so, else "".
std::string nearby(const std::filesystem::path& missing);

}  // namespace dagfusion
