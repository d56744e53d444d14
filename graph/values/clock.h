// The clock of tasks, waits and traces.
#pragma once

#include <chrono>
#include <cstdint>

namespace dagfusion {

// Nanoseconds of the steady clock.
inline std::int64_t clock_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace dagfusion
