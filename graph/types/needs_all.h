// Sinks whose result means something only as a whole: a data set, a distance.
#pragma once

#include "graph/types/node.h"

namespace dagfusion {

class NeedsAll {
 public:
  virtual ~NeedsAll() = default;
  // Instead of finish(), when the run was stopped before its last frame: nothing may be left that looks whole.
  virtual void give_up(RunInfo&) = 0;
};

}  // namespace dagfusion
