// Several threads inside one body.
#pragma once

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <cstdint>

#include "graph/values/hand_over.h"

namespace dagfusion {

// Of all loops, so that a thread need not read the loop's captures to find it (hand_over.h).
inline constexpr char kLoopBegins = 0;

// f(0) … f(count - 1), on threads of the graph that have nothing better to do. A thread that waits here takes
// up no other body. Call::scratch() belongs to the thread that asks for it.
template <class F>
void in_parallel(std::size_t count, const F& f) {
  if (count == 1) return f(std::size_t{0});
  const char done = 0;
  const auto one = [&](std::size_t i) {
    take_over(&kLoopBegins);
    f(i);
    hand_over(&done);
  };
  hand_over(&kLoopBegins);
  tbb::this_task_arena::isolate(
      [&] { tbb::parallel_for(std::size_t{0}, count, one, tbb::simple_partitioner()); });
  take_over(&done);
}

// As many of `ways` threads as are worth waking for a body that passes over so many floats.
inline int ways_over(std::int64_t floats, int ways) {
  constexpr std::int64_t kLeast = 4096;  // of each thread: a microsecond or two
  return static_cast<int>(std::clamp<std::int64_t>(floats / kLeast, 1, ways));
}

// f(first, end) for runs of 0 … count - 1, as even as they can be: one for each thread, but no empty ones.
template <class F>
void in_runs(std::size_t count, int ways, const F& f) {
  const std::size_t runs = std::clamp<std::size_t>(static_cast<std::size_t>(ways), 1, count);
  in_parallel(runs, [&](std::size_t i) { f(count * i / runs, count * (i + 1) / runs); });
}

// f(image, first row, end row) for all rows of some images, in such runs.
template <class F>
void in_bands(std::int64_t images, std::int64_t rows, int ways, const F& f) {
  in_runs(static_cast<std::size_t>(images * rows), ways, [&](std::size_t first, std::size_t end) {
    for (auto at = static_cast<std::int64_t>(first); at < static_cast<std::int64_t>(end);) {
      const std::int64_t image = at / rows, next = std::min<std::int64_t>(end, (image + 1) * rows);
      f(image, at - image * rows, next - image * rows);
      at = next;
    }
  });
}

}  // namespace dagfusion
