// Several threads inside one body.
#pragma once

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include "graph/hand_over.h"

namespace dagfusion {

// f(0) … f(count - 1), on threads of the graph that have nothing better to do. A thread that waits here takes up no
// other body. Call::scratch() belongs to the thread that asks for it.
template <class F>
void in_parallel(std::size_t count, const F& f) {
  if (count == 1) return f(std::size_t{0});
  const char begun = 0, done = 0;
  hand_over(&begun);
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(
        std::size_t{0}, count,
        [&](std::size_t i) {
          take_over(&begun);
          f(i);
          hand_over(&done);
        },
        tbb::simple_partitioner());
  });
  take_over(&done);
}

}  // namespace dagfusion
