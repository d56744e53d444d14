// Where a command finds further node types:
// --plugin libmy_nodes.so, and in the blocks and plugins of a pipeline, --of train.yaml.
#pragma once

#include <string>
#include <vector>

#include "graph/compose/change.h"

namespace dagfusion {

struct TypedPlugins {
  std::vector<std::string> files;
  std::string of;  // the pipeline whose own types are meant too; empty = none

  void add_to(Tree& pipeline) const;  // behind those that it names itself
  Catalog types() const;              // with all others, for what reads no pipeline
};

// The file with everything it extends, and the plugins.
Composed compose(const std::filesystem::path&, const TypedPlugins&);

}  // namespace dagfusion
