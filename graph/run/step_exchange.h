// What the processes of a run give each other in every step: sums of gradients while the last frames still compute,
// and then, in one message, what each knows of its frames and whether it wants to stop. Private to graph/run.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "graph/cluster/gather.h"
#include "graph/cluster/shared_sum.h"
#include "graph/plan/plan.h"
#include "graph/run/due_steps.h"
#include "graph/run/frame.h"
#include "graph/run/gradient_sums.h"
#include "graph/run/run.h"

namespace dagfusion {

class StepExchange {
 public:
  StepExchange(Cluster&, const Checked&, const Plan&, const GradientSums&, DueSteps&, TaskObserver*);

  bool first() const { return cluster_.first(); }
  void before_the_first_step(std::int64_t step);
  // Behind a weight-gradient task of the last of this process's frames in a step: what is whole goes out.
  void gradients_done(int task);
  // Of one of this process's frames, in order: the values that nodes of a step read. `value` of a slot.
  void note(const Frame&, const std::function<const float*(int slot)>& value);
  // Behind the last of them: waits until all have given all.
  void finish(std::int64_t step, bool wants_to_stop);

  // Of the step that is finished: every frame of all processes, in order.
  std::int64_t frames() const { return static_cast<std::int64_t>(all_.size() / record_size_); }
  double images_of(std::int64_t frame) const { return record(frame)[0]; }
  const float* value(std::int64_t frame, int slot) const { return record(frame) + places_.at(slot); }
  ExchangeReport report() const;
  // The first step that nobody begins any more.
  std::int64_t end() const { return end_; }

 private:
  // A stretch of the weights whose gradients go together: not so short that messages cost more than bytes.
  struct Bucket {
    std::shared_ptr<SharedSum> sum;
    int tasks = 0;  // that add to it
    std::atomic<int> missing{0};
  };
  void make_buckets(const GradientSums&);
  const float* record(std::int64_t frame) const {
    return all_.data() + frame * static_cast<std::int64_t>(record_size_);
  }
  void name_late(int rank, double seconds, std::int64_t step);
  std::string message(std::int64_t step, bool wants_to_stop);
  void read(const std::vector<std::string>& messages, std::int64_t step);

  Cluster& cluster_;
  const Checked& checked_;
  const Plan& plan_;
  DueSteps& due_;
  TaskObserver* const observer_;                    // may be null
  std::vector<std::unique_ptr<Bucket>> buckets_;    // in the order of the backward pass
  std::map<int, std::vector<Bucket*>> buckets_of_;  // by weight-gradient task
  std::map<int, std::size_t> places_;               // in a record, by slot
  std::size_t record_size_ = 1;                     // the number of images, then values
  std::vector<float> mine_, all_;
  std::atomic<std::int64_t> waited_{0}, steps_{0};  // nanoseconds
  std::int64_t began_, late_named_ = -1;            // this process, of the steady clock; a step
  std::atomic<std::int64_t> end_;
};

}  // namespace dagfusion
