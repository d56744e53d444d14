// A node that only writes out, with `every`, and needs the steps between as well.
#pragma once

#include "graph/types/node.h"

namespace dagfusion {

// What it has gathered is its state in a checkpoint; a run also goes on without it, or without the node.
class Gathers {
 public:
  virtual ~Gathers() = default;
  // Instead of run(), in the steps in which `every` does not let it run.
  virtual void gather(Call&) = 0;
};

}  // namespace dagfusion
