// Holds a run back between its tasks, so that something else can be measured on the same cores.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "graph/run/run.h"

namespace dagfusion {

double now();  // seconds of the steady clock

class Pauses final : public TaskObserver {
 public:
  // From here to release() no task begins; returns when none is running any more. The result: the seconds
  // that threads with a task at hand have waited for the last one to end, summed over the threads.
  double hold();
  void release();

  bool model_was_entered() const { return entered_.load() != 0; }
  double model_entered() const;                                     // seconds of the steady clock
  std::map<std::string, std::int64_t> allocations_by_type() const;  // inside of tasks

  void begins(const TaskVisit&) noexcept override;
  void ends(const TaskVisit&) noexcept override;

 private:
  std::atomic<bool> held_{false};
  std::atomic<int> running_{0};  // threads inside of a task
  std::atomic<std::int64_t> entered_{0};
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  int waiting_ = 0;
  double waited_since_ = 0;  // summed
  std::map<std::string, std::int64_t> allocations_;
};

// A loop of multiply-adds that fills the units for them; returns the operations done (kernels/peak.h).
using PeakLoop = std::int64_t (*)(std::int64_t rounds, float* sink);

// So many threads, each in such a loop for about so many seconds.
struct Peak {
  double rate = 0;  // floating-point operations per second, of all together
  double busy = 0;  // share of that time in which they were on a core; the rest went to other processes
};
Peak measure_peak(int threads, double seconds, PeakLoop loop);

}  // namespace dagfusion
