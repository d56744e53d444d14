// What holds back the steps of a run: pipelines that run inside it, and nodes that save. Private to graph/run.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "graph/plan/plan.h"

namespace dagfusion {

class Pauses {
 public:
  void begins(int step_task);
  void ends(int step_task) noexcept;  // nothing where it has not begun

  // Its life is one pause.
  class Pause {
   public:
    Pause(Pauses& pauses, int step_task) : pauses_(pauses), step_task_(step_task) {
      pauses.begins(step_task);
    }
    ~Pause() { pauses_.ends(step_task_); }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    Pauses& pauses_;
    int step_task_;
  };

  std::optional<int> now() const;  // the step task that holds the steps back
  double seconds() const;          // all so far, that one too
  // Until the last step, by the mean of each so far; what has not come yet, or goes by the clock, is not known.
  double seconds_to_come(const Checked&, const Plan&, std::int64_t steps_done) const;

 private:
  struct Taken {
    std::int64_t count = 0, nanoseconds = 0;
    double mean() const {
      return count == 0 ? 0 : static_cast<double>(nanoseconds) * 1e-9 / static_cast<double>(count);
    }
  };

  mutable std::mutex mutex_;  // of what follows
  std::map<int, Taken> taken_;
  std::optional<int> now_;
  std::int64_t begin_ = 0;
};

}  // namespace dagfusion
