// Nodes that keep memory of their own for as long as a run lasts, which a plan has to count.
#pragma once

#include <cstdint>

namespace dagfusion {

class KeepsMemory {
 public:
  virtual ~KeepsMemory() = default;
  virtual std::uint64_t kept_bytes() const = 0;  // at the most
};

}  // namespace dagfusion
