// Memory aligned to 64 bytes, zero at first.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace dagfusion {

// Throws std::bad_alloc.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes);
  std::byte* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  template <class T>
  std::span<T> as() const {
    return {reinterpret_cast<T*>(data_.get()), size_ / sizeof(T)};
  }

 private:
  struct Free {
    std::size_t mapped;  // bytes that the kernel gave for this alone, or 0
    void operator()(std::byte*) const;
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace dagfusion
