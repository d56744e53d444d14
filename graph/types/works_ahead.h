// The part of an ordered node's work that needs no order.
#pragma once

#include "graph/types/node.h"

namespace dagfusion {

// Of a node with `role: ordered` that takes frames. What it makes goes into slots of Setup::saved().
class WorksAhead {
 public:
  virtual ~WorksAhead() = default;
  // Before run(), of many frames at once; reads inputs, writes saved slots.
  virtual void ahead(Call&) const = 0;
};

}  // namespace dagfusion
