// Plugins that the user names behind a command: --plugin libmy_nodes.so.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "graph/change.h"

namespace dagfusion {

struct TypedPlugins {
  std::vector<std::string> files;

  void declare(CLI::App&);
  void add_to(Tree& pipeline) const;  // behind those that it names itself
  Catalog types() const;              // with all others, for what reads no pipeline
};

// The file with everything it extends, and the plugins.
Composed compose(const std::filesystem::path&, const TypedPlugins&);

}  // namespace dagfusion
