// How often this process asks for memory: calls of malloc, calloc, realloc and the aligned ones, by us and by every
// library (operator new ends there too). oneTBB's own pools and mapped memory are not seen.
#pragma once

#include <cstdint>

namespace dagfusion {

// Starts the program anew with the library in front that counts (count_allocations.cpp), unless it is there already or
// cannot be found. Before anything else is done.
void restart_to_count_allocations();

std::int64_t allocations();  // so far, by all threads; 0 where they are not counted
std::int64_t allocations_of_this_thread();
bool allocations_are_counted();  // not in builds with sanitizers, which have a malloc of their own

}  // namespace dagfusion
