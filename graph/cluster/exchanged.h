// What the exchange between processes did and waited for, for who looks on.
#pragma once

#include <cstdint>
#include <functional>

namespace dagfusion {

struct Exchanged {
  enum class Kind { work, wait };  // of the thread that exchanges; waits of several buckets overlap
  Kind kind = Kind::work;
  const char* what = "";            // "sum": its text stays
  int bucket = -1;                  // which stretch of the gradients; -1: what is exchanged once a step
  std::int64_t begin = 0, end = 0;  // nanoseconds of the steady clock
};
using SeesExchange = std::function<void(const Exchanged&)>;

}  // namespace dagfusion
