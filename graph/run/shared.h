// What all sections of a run share. Private to graph/run.
#pragma once

#include <atomic>
#include <limits>
#include <mutex>
#include <string>
#include <vector>

#include "graph/run/frame.h"
#include "graph/run/gradient_sums.h"
#include "graph/run/run.h"
#include "graph/values/what_of.h"

namespace dagfusion {

// Whether somebody wants the run to end. Safe in a signal handler.
class StopRequest {
 public:
  void after_this_step() {
    State none = State::goes_on;
    state_.compare_exchange_strong(none, State::after_this_step);
  }
  void at_once() { state_ = State::at_once; }
  bool made() const { return state_.load(std::memory_order_relaxed) != State::goes_on; }
  bool made_at_once() const { return state_.load(std::memory_order_relaxed) == State::at_once; }

 private:
  enum class State : std::uint8_t { goes_on, after_this_step, at_once };
  std::atomic<State> state_{State::goes_on};
  static_assert(std::atomic<State>::is_always_lock_free);
};

// The fault of the earliest frame that had one: that frame of the main section, and later ones, do nothing.
class Failure {
 public:
  void report(std::int64_t main_ticket, std::string message);
  void report_without_words(std::int64_t main_ticket) noexcept;  // there was no memory for a message
  void report_fatal(const char* message) noexcept;               // of no frame: none goes on
  bool happened() const { return ticket() != kNone; }
  std::int64_t ticket() const { return ticket_.load(std::memory_order_relaxed); }
  std::string message() const;

 private:
  static constexpr std::int64_t kOfAll = -1;
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
  std::atomic<std::int64_t> ticket_{kNone};
  mutable std::mutex mutex_;  // of what follows
  std::string message_;
};

struct Shared {
  RunOptions options;
  int threads = 1, lanes = 1;
  std::vector<Buffer> lane_memory, scratch;  // by lane, by thread
  WeightValues live;
  GradientSums gradients;
  StopRequest stop;
  Failure failure;
  std::mutex mutex;  // of what follows
  std::vector<std::string> dropped;
};

}  // namespace dagfusion
