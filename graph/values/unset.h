// No value: the first alternative of a variant that need not hold one.
#pragma once

namespace dagfusion {

// It copies by hand, so that it is no trivial type. Of a variant of trivial types, strings and vectors alone libstdc++
// believes that it always holds a value; it then destroys one that is not there when a copy runs out of memory (signal 11).
struct Unset {
  Unset() noexcept = default;
  Unset(const Unset&) noexcept {}
  Unset& operator=(const Unset&) noexcept { return *this; }
  bool operator==(const Unset&) const noexcept { return true; }
};

}  // namespace dagfusion
