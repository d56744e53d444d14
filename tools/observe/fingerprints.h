// A checksum of every value of a run, by where it arose: two runs can then be compared, bit for bit.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include "graph/run/run.h"

namespace dagfusion {

class Fingerprints final : public TaskObserver {
 public:
  void begins(const TaskVisit&) noexcept override {}
  void ends(const TaskVisit&) noexcept override;

  // In the order in which values arise when one thread does it all: step, image, place in the graph.
  struct Key {
    std::int64_t step, position;
    int iteration;
    std::string task, node, port;
    auto operator<=>(const Key&) const = default;
  };
  struct Seen {
    std::uint32_t crc32c;
    std::int64_t order;  // of all values, as they arose
  };
  const std::map<Key, Seen>& values() const { return values_; }

 private:
  std::mutex mutex_;  // of what follows
  std::map<Key, Seen> values_;
};

// The value that differs and arose first in `a`; nothing when all are equal.
// `missing`: only one of them has it.
struct Deviation {
  Fingerprints::Key key;
  bool missing = false;
};
std::optional<Deviation> first_deviation(const Fingerprints& a, const Fingerprints& b);

}  // namespace dagfusion
