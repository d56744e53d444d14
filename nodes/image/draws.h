// Random numbers of one image, one after the other.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "graph/values/random.h"

namespace dagfusion {

class Draws {
 public:
  explicit Draws(const RandomStream& stream) : stream_(stream) {}

  double share() { return static_cast<double>(uniform01(word())); }  // [0,1)
  double between(double low, double high) { return low + (high - low) * share(); }
  bool happens(double probability) { return share() < probability; }
  std::int64_t whole(std::int64_t count) {  // 0 … count - 1
    return static_cast<std::int64_t>(below(static_cast<std::uint64_t>(count), std::uint64_t{word()} << 32));
  }
  double gaussian() {  // Box and Muller 1958
    const double radius = std::sqrt(-2 * std::log(1 - share()));
    return radius * std::cos(2 * std::numbers::pi * share());
  }

 private:
  std::uint32_t word() {
    if (next_ % 4 == 0) block_ = stream_.block(next_ / 4);
    return block_[next_++ % 4];
  }

  RandomStream stream_;
  Philox4 block_{};
  std::uint32_t next_ = 0;
};

}  // namespace dagfusion
