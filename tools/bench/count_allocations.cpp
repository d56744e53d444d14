// A library that `bench` loads in front of glibc's malloc (LD_PRELOAD): it counts how often memory is asked for, and
// hands the rest on. The program that users train with knows nothing of it.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace {

std::atomic<std::int64_t> of_all{0};
// Where the loader makes room for it at once: a thread's first look must not ask for memory itself.
[[gnu::tls_model("initial-exec")]] constinit thread_local std::int64_t of_this_thread = 0;

void count() {
  of_all.fetch_add(1, std::memory_order_relaxed);
  ++of_this_thread;
}

}  // namespace

extern "C" {

// glibc's own functions under the names that stay when another malloc stands in front; free() goes with them.
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

std::int64_t dagfusion_allocations() { return of_all; }
std::int64_t dagfusion_allocations_of_this_thread() { return of_this_thread; }

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
