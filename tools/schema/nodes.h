// The nodes of a pipeline in its JSON Schema. Private to tools/schema.
#pragma once

#include "tools/schema/values.h"

namespace dagfusion::schema {

// node, nodes, nodes_of_a_loop, loop, and for files that say
// what differs `new_node`, which other nodes are wired to.
void add_nodes(const Catalog&, Json& definitions);

// model: what stands in the section; and `inner_nodes`, those of a block.
void add_models(const Catalog&, Json& definitions);

}  // namespace dagfusion::schema
