// Memory of a lane: offsets such that slots which may be alive at the same time never overlap, whatever the
// order in which the threads come to the tasks. Largest first, each at the lowest offset that is free.
#include <algorithm>

#include "graph/plan/plan.h"
#include "graph/values/alignment.h"

namespace dagfusion {

namespace {

constexpr std::size_t kSmall = 1024;  // bytes; below that, sharing is not worth the search

// Of each task: the tasks that are done before it begins, one bit each.
class Ancestors {
 public:
  explicit Ancestors(const std::vector<Task>& tasks)
      : words_((tasks.size() + 63) / 64), bits_(tasks.size() * words_) {
    for (std::size_t t = 0; t < tasks.size(); ++t)
      for (const int before : tasks[t].before) {
        const auto b = static_cast<std::size_t>(before);
        for (std::size_t w = 0; w < words_; ++w) bits_[t * words_ + w] |= bits_[b * words_ + w];
        bits_[t * words_ + b / 64] |= std::uint64_t{1} << (b % 64);
      }
  }
  bool of(int task, int before) const {
    const auto b = static_cast<std::size_t>(before);
    return bits_[static_cast<std::size_t>(task) * words_ + b / 64] >> (b % 64) & 1;
  }

 private:
  std::size_t words_;
  std::vector<std::uint64_t> bits_;
};

}  // namespace

std::size_t place_slots(std::vector<Slot>& slots, const std::vector<Lifetime>& lives,
                        const std::vector<Task>& tasks) {
  const Ancestors ancestors(tasks);
  const auto done_before = [&](const Lifetime& a, const Lifetime& b) {
    return std::all_of(a.touched_by.begin(), a.touched_by.end(),
                       [&](int t) { return ancestors.of(b.writer, t); });
  };
  std::size_t end = 0;
  std::vector<const Lifetime*> large;
  for (const Lifetime& life : lives) {
    Slot& slot = slots[life.slot];
    if (slot.place != Place::lane || slot.images >= 0) continue;
    const std::size_t bytes = aligned(slot.spec.bytes());
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
    const std::size_t bytes = aligned(slot.spec.bytes());
    std::size_t offset = base;
    for (const Lifetime* other : placed) {
      const Slot& taken = slots[other->slot];
      const std::size_t taken_end = taken.offset + aligned(taken.spec.bytes());
      if (taken_end <= offset) continue;
      if (taken.offset >= offset + bytes) break;
      if (!done_before(*life, *other) && !done_before(*other, *life)) offset = taken_end;
    }
    slot.offset = offset;
    end = std::max(end, offset + bytes);
    const auto at =
        std::upper_bound(placed.begin(), placed.end(), offset,
                         [&](std::size_t o, const Lifetime* p) { return o < slots[p->slot].offset; });
    placed.insert(at, life);
  }
  return end;
}

}  // namespace dagfusion
