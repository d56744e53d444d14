// Node types that the engine itself knows.
#pragma once

#include "graph/catalog.h"

namespace dagfusion {

const NodeType& loop_head();
const NodeType& loop_tail();
const NodeType& run_pipeline();

}  // namespace dagfusion
