// How often this process asks for memory: calls of malloc, calloc, realloc and the aligned ones, by us
// and by every library (operator new ends there too). oneTBB's own pools and mapped memory are not seen.
#pragma once

#include <cstdint>

namespace dagfusion {

std::int64_t allocations();  // so far, by all threads; 0 where they are not counted
std::int64_t allocations_of_this_thread();
bool allocations_are_counted();  // not in builds with sanitizers, which have a malloc of their own

}  // namespace dagfusion
