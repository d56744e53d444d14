// Sinks that can go on with what a run left that did not come to its end.
#pragma once

#include "graph/types/node.h"

namespace dagfusion {

// In a pipeline that trains nothing, where no other node needs to see every image in order.
class TakesUp {
 public:
  virtual ~TakesUp() = default;
  // How many images, from the first one on, need not come again.
  virtual std::int64_t images_left(RunInfo&) = 0;
  // Before the first frame, behind images_left(): goes on behind so many, which are no more than it said.
  virtual void take_up(RunInfo&, std::int64_t images) = 0;
};

}  // namespace dagfusion
