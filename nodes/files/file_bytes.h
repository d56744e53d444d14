// Bytes at a place of an open file, on any thread, whatever interrupts the system calls.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dagfusion {

// How many of `count` bytes from `at` on came: fewer only at the end of the file. -1: an error, which errno names.
std::int64_t read_up_to(int file, std::uint64_t at, void* bytes, std::size_t count);

// All of them. False at the end of the file, or when it cannot be read.
bool read_at(int file, std::uint64_t at, void* bytes, std::size_t count);

// All of them. False: an error, which errno names.
bool write_at(int file, std::uint64_t at, const void* bytes, std::size_t count);

}  // namespace dagfusion
