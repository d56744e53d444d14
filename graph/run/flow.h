// The running graph: what holds frames back,
// lets them on and brings them home (section_graph.h has its nodes).
#pragma once

#include "graph/run/section.h"

namespace dagfusion {

// Runs the main section, and the inner ones when their step comes, until no frame is left. Called inside the
// arena whose threads do the work. Errors of nodes are in `shared`; throws std::logic_error when frames were
// lost, naming them.
struct FlowResult {
  std::int64_t emitted = 0;
  bool all = false;  // as many frames as planned, not stopped before
};
FlowResult run_flow(Section&, Shared&, std::int64_t parent_ticket = Section::kNoParent);

}  // namespace dagfusion
