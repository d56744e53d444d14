// The decoded rows of chunks that were used last, up to a number of chunks; one that is being decoded is waited for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace dagfusion {

class SlabCache {
 public:
  using Slab = std::shared_ptr<const std::vector<std::uint8_t>>;

  explicit SlabCache(std::size_t slabs) : most_(std::max<std::size_t>(slabs, 1)) {}

  std::size_t most() const { return most_; }

  template <class Make>
  Slab get(std::int64_t number, const Make& make) {
    std::promise<Slab> made;
    std::shared_future<Slab> found;
    {
      const std::lock_guard lock(mutex_);
      const auto held = slabs_.find(number);
      if (held != slabs_.end()) {
        order_.splice(order_.begin(), order_, held->second.place);
        found = held->second.slab;
      } else {
        order_.push_front(number);
        slabs_[number] = {made.get_future().share(), order_.begin()};
        if (order_.size() > most_) {
          slabs_.erase(order_.back());
          order_.pop_back();
        }
      }
    }
    if (found.valid()) return found.get();
    try {
      Slab slab = make();
      made.set_value(slab);
      return slab;
    } catch (...) {
      made.set_exception(std::current_exception());
      const std::lock_guard lock(mutex_);
      if (const auto held = slabs_.find(number); held != slabs_.end()) {
        order_.erase(held->second.place);
        slabs_.erase(held);
      }
      throw;
    }
  }

 private:
  struct Held {
    std::shared_future<Slab> slab;
    std::list<std::int64_t>::iterator place;
  };
  std::size_t most_;
  std::mutex mutex_;
  std::map<std::int64_t, Held> slabs_;
  std::list<std::int64_t> order_;  // the one used last in front
};

}  // namespace dagfusion
