// What travels along the edges while a graph runs: one micro-batch, its memory and its counters.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "graph/types/node.h"
#include "graph/values/weights.h"

namespace dagfusion {

struct Frame {
  std::int64_t ticket = 0;    // the order in which frames entered this part of the graph; never restarts
  std::int64_t position = 0;  // of the first image
  std::int64_t step = 0;
  int valid = 0;                                     // images that are not filling
  bool first_of_step = false, last_of_step = false;  // of those that this process takes
  int group = 0;                                     // whose gradients are added up apart
  bool first_of_group = false, last_of_group = false;
  std::atomic<bool> dropped{false};
  std::string dropped_because;
  bool elsewhere = false;  // another process does the tasks that this frame comes to
  Buffer memory;
  std::byte* lane = nullptr;
  int lane_index = -1;
  std::vector<std::vector<Image>> images;
  std::vector<int> iteration;                   // by loop
  std::unique_ptr<std::atomic<int>[]> waiting;  // by task: predecessors that are not done yet
  std::unique_ptr<std::atomic<std::int64_t>[]>
      done_at;  // by task: when it was done, in nanoseconds of the steady clock
};

}  // namespace dagfusion
