#include "tools/bench/allocations.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {

std::atomic<std::int64_t> of_all{0};
constinit thread_local std::int64_t of_this_thread = 0;

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#define DAGFUSION_COUNTS_ALLOCATIONS

// glibc's own functions under the names that stay when
// a program brings its own malloc; free() goes with them.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

static void count() {
  of_all.fetch_add(1, std::memory_order_relaxed);
  ++of_this_thread;
}
void* malloc(std::size_t bytes) { return count(), __libc_malloc(bytes); }
void* calloc(std::size_t n, std::size_t bytes) { return count(), __libc_calloc(n, bytes); }
void* realloc(void* old, std::size_t bytes) { return count(), __libc_realloc(old, bytes); }
void* memalign(std::size_t alignment, std::size_t bytes) {
  return count(), __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  return count(), __libc_memalign(alignment, bytes);
}
int posix_memalign(void** made, std::size_t alignment, std::size_t bytes) {
  count();
  void* const memory = __libc_memalign(alignment, bytes);
  if (!memory) return ENOMEM;
  *made = memory;
  return 0;
}
}

#endif

namespace dagfusion {

std::int64_t allocations() { return of_all; }
std::int64_t allocations_of_this_thread() { return of_this_thread; }
bool allocations_are_counted() {
#ifdef DAGFUSION_COUNTS_ALLOCATIONS
  return true;
#else
  return false;
#endif
}

}  // namespace dagfusion
