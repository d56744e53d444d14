// Weights cut into pieces of a fixed size, so that several threads share the work and no result depends on
// how.
#pragma once

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <vector>

#include "graph/hand_over.h"
#include "graph/weights.h"

namespace dagfusion {

struct Chunk {
  std::size_t begin;  // in floats, as the weights lie in the table
  std::size_t count;
};

inline std::vector<Chunk> chunks_of(const WeightTable& table, const std::vector<int>& weights) {
  constexpr std::size_t kFloats = 32768;  // 128 kB: five arrays of it fit a second-level cache
  std::vector<Chunk> chunks;
  for (const int w : weights) {
    const WeightSpec& weight = table.weights()[static_cast<std::size_t>(w)];
    for (std::size_t done = 0; done < weight.elements(); done += kFloats) {
      chunks.push_back({weight.offset + done, std::min(kFloats, weight.elements() - done)});
    }
  }
  return chunks;
}

// Of all loops, so that a thread need not read the loop's captures to find it (hand_over.h).
inline constexpr char kChunksBegin = 0;

// f(chunk number). A thread that waits here takes up no other body of the graph.
template <class F>
void for_each_chunk(const std::vector<Chunk>& chunks, const F& f) {
  const char done = 0;
  const auto one = [&](std::size_t chunk) {
    take_over(&kChunksBegin);
    f(chunk);
    hand_over(&done);
  };
  hand_over(&kChunksBegin);
  tbb::this_task_arena::isolate([&] { tbb::parallel_for(std::size_t{0}, chunks.size(), one); });
  take_over(&done);
}

}  // namespace dagfusion
