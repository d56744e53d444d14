// Every node type and section of nodes/, in the order of nodes/CMakeLists.txt.
#pragma once

#include "graph/types/catalog.h"

namespace dagfusion {

const Catalog& catalog();  // for as long as the process lives

}  // namespace dagfusion
