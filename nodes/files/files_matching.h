// The files that a path with *, ? or [ in it stands for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dagfusion {

// In natural order. A path that exists stands for itself, whatever is in it; empty when nothing matches.
std::vector<std::filesystem::path> files_matching(const std::string& path);

}  // namespace dagfusion
