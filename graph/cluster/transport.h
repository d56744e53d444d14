// How bytes get from one process of a run to another. All calls are made by one thread (cluster.h).
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace dagfusion {

class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // Messages from one rank to another under one tag arrive in the order in which they were sent; both sides know
  // their length. The bytes stay where they are until the request is done. Throws std::runtime_error.
  using Request = int;
  virtual Request send(int to, int tag, std::span<const std::byte>) = 0;
  virtual Request receive(int from, int tag, std::span<std::byte>) = 0;
  virtual bool done(Request) = 0;  // once it is, the request exists no more

  virtual void leave() = 0;                                // when everybody does; nothing is sent afterwards
  [[noreturn]] virtual void abort(int exit) noexcept = 0;  // ends every process of the run
};

// What a library with a transport exports under the name kOpenTransport.
using OpenTransport = Transport* (*)();
inline constexpr const char* kOpenTransport = "dagfusion_open_transport";

}  // namespace dagfusion
