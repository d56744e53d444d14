// A pipeline as boxes and arrows, as JSON for the view that folds and unfolds (graph.js).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "graph/plan/plan.h"
#include "graph/run/run.h"

namespace dagfusion {

// Boxes of the backward pass lie below one of their own, before the optimiser; those of a pipeline that a node runs
// (a preview) below the node. `file`: the pipeline as it was checked; it says the types of what was expanded.
// `times`: of a run; may be empty.
nlohmann::ordered_json graph_data(const Planned&, const Tree& file, const std::vector<TaskTime>& times);

}  // namespace dagfusion
