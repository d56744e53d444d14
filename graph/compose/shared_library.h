// A plugin's file, read before anything of it runs. Private to graph/compose.
#pragma once

#include <optional>
#include <string>

namespace dagfusion {

// Why these bytes cannot be a shared library of this machine ("is not a shared library"); "" when they can.
std::string not_a_library(const std::string& bytes);

// What a plugin was built for; nothing when it is none.
std::optional<std::string> plugin_built_for(const std::string& bytes);

}  // namespace dagfusion
