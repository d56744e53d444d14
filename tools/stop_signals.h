// Ctrl-C, and what a program says to its caller at the end.
#pragma once

#include "graph/run.h"

namespace dagfusion {

// sysexits.h: 75 = try again: the run was stopped and can go on.
enum Exit { kDone = 0, kFailed = 1, kUserError = 2, kStopped = 75, kAborted = 130 };

// SIGINT and SIGTERM go to this run as long as this lives: the first one stops it after its step, the second one
// at once.
class StopSignals {
 public:
  explicit StopSignals(Run&);
  ~StopSignals();
};

}  // namespace dagfusion
