// What could stand at the place of the cursor, for the Tab key of a shell.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "graph/compose/change.h"

namespace dagfusion {

using Candidates = std::vector<std::string>;

// `words`: all behind the name of the program, the last one as far as it is typed. What ends with '.', '=' or '/' goes
// on without a space.
Candidates candidates(const std::vector<std::string>& words);

// Files and folders that begin with `typed`; of the files those that are `wanted`.
Candidates file_candidates(const std::string& typed,
                           const std::function<bool(const std::filesystem::path&)>& wanted);

// The override "nodes.loss.ty" or "nodes.loss.type=hu" of a pipeline, with the files that it extends.
Candidates override_candidates(const std::filesystem::path& pipeline, const std::string& typed);

// Of `path=value`, where the parameter is known.
Candidates value_candidates(const Parameter&, const std::string& typed);

}  // namespace dagfusion
