// What the tiny nodes share: some take time, some fail. Private to tests/graph/tiny.
#pragma once

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/graph/tiny/nodes.h"

namespace dagfusion::tiny {

// What every tiny node can do besides its work: take some time, and fail at one frame.
class Trouble {
 public:
  explicit Trouble(Setup& setup)
      : spin_(setup.integer("spin")), at_(setup.integer("fail_at")), in_(setup.text("fail_in")) {}
  void meet(const Call& call, const std::string& where = "forward") const {
    if (spin_ > 0) {
      // By the clock, so that no two runs go the same way.
      const auto begin = std::chrono::steady_clock::now();
      const auto ticks = begin.time_since_epoch().count();
      const auto end = begin + std::chrono::microseconds((ticks / 64 * 7919) % (spin_ + 1));
      while (std::chrono::steady_clock::now() < end) continue;
    }
    if (at_ >= 0 && where == in_ && call.position() <= at_ &&
        at_ < call.position() + std::max(call.valid(), 1))
      throw std::runtime_error("a fault made for the test");
  }

 private:
  std::int64_t spin_, at_;
  std::string in_;
};

inline std::vector<Parameter> with_trouble(std::vector<Parameter> own = {}) {
  own.push_back({.name = "spin", .doc = "microseconds at most", .standard = std::int64_t{0}, .minimum = 0});
  own.push_back({.name = "fail_at", .doc = "image at which to fail", .standard = std::int64_t{-1}});
  own.push_back({.name = "fail_in", .kind = Kind::text, .doc = "where", .standard = std::string("forward")});
  return own;
}

std::vector<NodeType> plain_maps();
std::vector<NodeType> differentiable_maps();
std::vector<NodeType> ordered_nodes();

}  // namespace dagfusion::tiny
