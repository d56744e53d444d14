#include "graph/values/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "graph/values/alignment.h"

namespace dagfusion {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Straight from the kernel, as zeros: the threads that first use it find the pages, together, and nobody fills it before.
// On huge pages where the kernel has some: fewer page faults at the start, fewer misses of the TLB later.
std::byte* mapped(std::size_t bytes) {
  const std::size_t room = bytes + kHugePage;  // for a beginning where a huge page can begin
  void* from = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (from == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::byte*>(from);
  const std::size_t before =
      round_up(reinterpret_cast<std::uintptr_t>(begin), kHugePage) - reinterpret_cast<std::uintptr_t>(begin);
  if (before > 0) munmap(begin, before);
  if (before < kHugePage) munmap(begin + before + bytes, kHugePage - before);
  madvise(begin + before, bytes, MADV_HUGEPAGE);  // a kernel without them says no, and that is all
  return begin + before;
}

}  // namespace

Buffer::Buffer(std::size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  if (bytes >= 2 * kHugePage) {
    const std::size_t whole = round_up(bytes, kHugePage);
    data_ = {mapped(whole), Free{whole}};
    return;
  }
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, aligned(bytes))));
  if (!data_) throw std::bad_alloc();
  std::memset(data_.get(), 0, aligned(bytes));
}

void Buffer::Free::operator()(std::byte* data) const {
  if (mapped > 0)
    munmap(data, mapped);
  else
    std::free(data);
}

}  // namespace dagfusion
