// A JSON Schema (draft 7) of pipeline files, made from the catalog, for editors:
// yaml-language-server completes and checks with it while one types.
// It knows kinds, ranges, names and required keys; shapes and wires are the checker's.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "graph/types/catalog.h"

namespace dagfusion {

nlohmann::ordered_json pipeline_schema(const Catalog&);

}  // namespace dagfusion
