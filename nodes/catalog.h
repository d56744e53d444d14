// Every node type and section of nodes/, in the order of nodes/CMakeLists.txt.
#pragma once

#include "graph/types/catalog.h"

namespace dagfusion {

const Catalog& catalog();  // for as long as the process lives

// Types of the program around it, one of a name that is there in its place. Not while a run is made. Throws UserError for the
// name of a type of nodes/.
void add_to_catalog(NodeType);

}  // namespace dagfusion
