// An exception in words: those of the library say nothing to who has run out of memory.
#pragma once

#include <exception>
#include <new>

namespace dagfusion {

inline const char* what_of(const std::exception& e) noexcept {
  return dynamic_cast<const std::bad_alloc*>(&e) ? "there is not enough memory" : e.what();
}

}  // namespace dagfusion
