// What Ctrl-C does to a run.
#pragma once

#include "graph/run/run.h"

namespace dagfusion {

// SIGINT and SIGTERM go to this run as long as this lives:
// the first one stops it after its step, the second one at once.
class StopSignals {
 public:
  explicit StopSignals(Run&);
  ~StopSignals();
};

}  // namespace dagfusion
