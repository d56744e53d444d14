// A run in a thread of its own, while the thread that asked for it looks on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/launch/launch.h"
#include "tools/library/pipeline.h"

namespace dagfusion {

struct RunResult {
  Report report;
  std::string directory;           // "" = none
  std::vector<std::string> notes;  // shown before the run
};

Invocation invocation_of(const Pipeline&);

// `look` is called on this thread, several times a second from the start to the end; null before the first step. A wish to
// stop stays. What it throws comes out of here, once the run has stopped at once. Throws what launch() and run() throw.
RunResult run_watched(const Invocation&, const std::function<Wish(const Progress*)>& look);

}  // namespace dagfusion
