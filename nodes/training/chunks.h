// Weights cut into pieces of a fixed size,
// so that several threads share the work and no result depends on how.
#pragma once

#include <algorithm>
#include <vector>

#include "graph/values/parallel.h"
#include "graph/values/weights.h"

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

// Running averages (batch_norm) are weights that no gradient trains. In the place of their gradients stands how far they go
// in this step, 0 where they are kept as they are. They are told by PyTorch's names for them.
inline bool is_running_average(const WeightSpec& weight) {
  return weight.path.ends_with(".running_mean") || weight.path.ends_with(".running_var");
}
inline std::vector<int> without_averages(const WeightTable& table, std::vector<int> weights) {
  std::erase_if(weights,
                [&](int w) { return is_running_average(table.weights()[static_cast<std::size_t>(w)]); });
  return weights;
}
inline std::vector<int> averages_of(const WeightTable& table, std::vector<int> weights) {
  std::erase_if(weights,
                [&](int w) { return !is_running_average(table.weights()[static_cast<std::size_t>(w)]); });
  return weights;
}

// f(chunk number), many at once.
template <class F>
void for_each_chunk(const std::vector<Chunk>& chunks, const F& f) {
  in_parallel(chunks.size(), f);
}

}  // namespace dagfusion
