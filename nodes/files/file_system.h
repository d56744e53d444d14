// What the file system of a run cannot do: a run goes on without, and says so.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dagfusion {

// A line for each of locks and synced folders that is missing where `run` lies; its file `lock` is there.
std::vector<std::string> file_system_warnings(const std::filesystem::path& run);

}  // namespace dagfusion
