// Memory of a lane: offsets such that slots which may be alive at the same time never overlap, whatever the order in which
// the threads come to the tasks. Largest first, each at the lowest offset that is free.
#include <algorithm>

#include "graph/plan.h"

namespace dagfusion {

namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kSmall = 1024;  // bytes; below that, sharing is not worth the search

// ancestors[t]: the tasks that are done before t begins, one bit each.
std::vector<std::vector<bool>> ancestors_of(const std::vector<Task>& tasks) {
  std::vector<std::vector<bool>> ancestors(tasks.size(), std::vector<bool>(tasks.size()));
  for (std::size_t t = 0; t < tasks.size(); ++t)
    for (const int b : tasks[t].before) {
      for (std::size_t a = 0; a < t; ++a)
        if (ancestors[b][a]) ancestors[t][a] = true;
      ancestors[t][b] = true;
    }
  return ancestors;
}

}  // namespace

std::size_t place_slots(std::vector<Slot>& slots, const std::vector<Lifetime>& lives, const std::vector<Task>& tasks) {
  const auto ancestors = ancestors_of(tasks);
  const auto done_before = [&](const Lifetime& a, const Lifetime& b) {
    return std::all_of(a.touched_by.begin(), a.touched_by.end(), [&](int t) { return ancestors[b.writer][t]; });
  };
  std::size_t end = 0;
  std::vector<const Lifetime*> large;
  for (const Lifetime& life : lives) {
    Slot& slot = slots[life.slot];
    if (slot.place != Place::lane || slot.images >= 0) continue;
    const std::size_t bytes = (slot.spec.bytes() + kAlignment - 1) / kAlignment * kAlignment;
    if (bytes > kSmall) {
      large.push_back(&life);
      continue;
    }
    slot.offset = end;
    end += bytes;
  }
  const std::size_t base = end;
  std::stable_sort(large.begin(), large.end(), [&](const Lifetime* a, const Lifetime* b) {
    return slots[a->slot].spec.bytes() > slots[b->slot].spec.bytes();
  });
  std::vector<const Lifetime*> placed;  // by offset
  for (const Lifetime* life : large) {
    Slot& slot = slots[life->slot];
    const std::size_t bytes = (slot.spec.bytes() + kAlignment - 1) / kAlignment * kAlignment;
    std::size_t offset = base;
    for (const Lifetime* other : placed) {
      const Slot& taken = slots[other->slot];
      const std::size_t taken_end = taken.offset + (taken.spec.bytes() + kAlignment - 1) / kAlignment * kAlignment;
      if (taken_end <= offset) continue;
      if (taken.offset >= offset + bytes) break;
      if (!done_before(*life, *other) && !done_before(*other, *life)) offset = taken_end;
    }
    slot.offset = offset;
    end = std::max(end, offset + bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), offset,
                                     [&](std::size_t o, const Lifetime* p) { return o < slots[p->slot].offset; });
    placed.insert(at, life);
  }
  return end;
}

}  // namespace dagfusion
