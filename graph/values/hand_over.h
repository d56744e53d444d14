// Shows the thread sanitizer what it cannot see, since Debian's oneTBB is not compiled with it:
// whoever takes over at an address sees all that was written by those who handed over there before.
// Nothing in other builds.
#pragma once

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace dagfusion {

#if defined(__SANITIZE_THREAD__)
inline void hand_over(const void* at) noexcept { __tsan_release(const_cast<void*>(at)); }
inline void take_over(const void* at) noexcept { __tsan_acquire(const_cast<void*>(at)); }
#else
inline void hand_over(const void*) noexcept {}
inline void take_over(const void*) noexcept {}
#endif

// Around each body of a run: it sees what was made before the run, its own captures first of all, and what
// comes after the run sees what it did.
inline constexpr char kRunBegins = 0, kRunEnds = 0;
struct RunEdges {
  RunEdges() noexcept { take_over(&kRunBegins); }
  ~RunEdges() { hand_over(&kRunEnds); }
};

}  // namespace dagfusion
