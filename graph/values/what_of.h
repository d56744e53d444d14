// An exception in words: those of libraries say little to a user.
#pragma once

#include <exception>

namespace dagfusion {

// Lack of memory as a sentence, and what the file system refuses with the path at its place:
// "cannot create directories 'runs/a': Permission denied". It lasts until the thread asks again.
const char* what_of(const std::exception& e) noexcept;

}  // namespace dagfusion
