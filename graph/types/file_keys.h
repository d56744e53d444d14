// What a pipeline file can say at its top and in each node, for those who read, check and describe files.
#pragma once

#include <string>
#include <vector>

#include "graph/types/catalog.h"

namespace dagfusion {

std::vector<Parameter> run_parameters();                  // of the section `run`
std::vector<std::string> top_level_keys(const Catalog&);  // "vars", "run", …, and the catalog's sections
inline const std::vector<std::string> kNodeKeys = {       // that every node takes besides its parameters
    "type", "in", "after", "every", "on_error", "stream", "doc", "when", "otherwise"};
inline const std::vector<std::string> kLoopKeys = {"each", "carry", "nodes", "next", "collect"};

}  // namespace dagfusion
