// A block of the user put into a graph. Private to graph/compose.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/document/document.h"
#include "graph/types/composite.h"
#include "graph/types/port.h"

namespace dagfusion {

// What its definition says, read and checked.
struct BlockNodes {
  std::string owner;  // opens every message: "block 'gated_block'"
  std::vector<Port> inputs;
  std::vector<Parameter> parameters;
  std::shared_ptr<const Tree> nodes;
  std::vector<Entry> outputs;  // of each port, the node it comes from
};

// Adds the nodes that the outputs need, each after those that it reads.
void expand(const BlockNodes&, Builder&);

}  // namespace dagfusion
