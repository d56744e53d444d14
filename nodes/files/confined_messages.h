// What the program and the processes that read for it send each other: Sizes first, then a head and a body of that size.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nodes/files/confined.h"

namespace dagfusion {

enum class Outcome : std::uint32_t { done, refused, no_memory };

struct Sizes {
  ConfinedWork work = nullptr;  // only of a request
  Outcome outcome = Outcome::done;
  std::uint64_t head = 0, body = 0;
};

// An end of a socket, closed with this object.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int file) : file_(file) {}
  Socket(Socket&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~Socket() {
    if (file_ >= 0) ::close(file_);
  }
  operator int() const { return file_; }

 private:
  int file_ = -1;
};

std::optional<std::pair<Socket, Socket>> joined_sockets();

template <class T>
std::span<std::uint8_t> bytes_of(T& value) {
  return {reinterpret_cast<std::uint8_t*>(&value), sizeof value};
}
inline std::span<const std::uint8_t> bytes_of_text(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::span<std::uint8_t> bytes_of_text(std::string& text) {
  return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
}

// All parts, one behind the other, and an open file with the first byte when there is one. These are false where the
// other end is gone.
bool send_all(int to, std::vector<std::span<const std::uint8_t>> parts, int file = -1);
bool receive_all(int from, std::span<std::uint8_t> bytes);
bool receive_with_file(int from, std::span<std::uint8_t> bytes, int& file);  // file: -1 when none came

}  // namespace dagfusion
