// What can be known of a file to be written before anything runs.
#pragma once

#include <fmt/format.h>

#include <filesystem>

#include "graph/types/setup.h"

namespace dagfusion {

// A fault where `parameter` names a folder. Below the directory of a run there is nothing yet.
inline void refuse_folder(const Setup& setup, std::string_view parameter) {
  const std::filesystem::path path = setup.text(parameter);
  const bool in_run = (setup.run().training || !setup.run().output.empty()) && !path.is_absolute();
  if (!in_run && std::filesystem::is_directory(path))
    setup.fail_at(parameter, fmt::format("'{}' is {}, which is a folder; it must be a file to write",
                                         parameter, path.string()));
}

}  // namespace dagfusion
