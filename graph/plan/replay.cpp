#include "graph/plan/replay.h"

#include <algorithm>
#include <queue>
#include <stdexcept>

namespace dagfusion {

namespace {

constexpr int kSteps = 3;         // the last of them is measured: the first begins with empty lanes
constexpr int kMostOfMemory = 8;  // threads that read and write as fast as the memory can

bool is_once_per_step(const Task& task) {
  return task.kind == Task::Kind::step || task.kind == Task::Kind::child;
}

bool is_in_order(const Task& task) {  // takes frames one by one
  return !is_once_per_step(task) &&
         (task.serial || task.kind == Task::Kind::accumulate || task.kind == Task::Kind::ordered);
}

class Replayer {
 public:
  Replayer(const Plan& plan, const std::vector<double>& seconds, const ReplayOptions& options)
      : plan_(plan),
        seconds_(seconds),
        options_(options),
        frames_(plan.frames_per_step * kSteps),
        free_(options.cores) {
    const int at_once = std::min({options.lanes, options.frames_in_flight, plan.frames_per_step});
    ways_ = (options.cores + at_once - 1) / at_once;
    after_.resize(tasks());
    tasks_of_frame_ = static_cast<int>(
        std::ranges::count_if(plan.tasks, [](const Task& t) { return !is_once_per_step(t); }));
    for (int t = 0; t < tasks(); ++t)
      for (const int before : plan.tasks[t].before) after_[before].push_back(t);
    rest_.resize(tasks());
    for (int t = tasks() - 1; t >= 0; --t) {
      for (const int next : after_[t]) rest_[t] = std::max(rest_[t], rest_[next]);
      rest_[t] += seconds[t];
    }
    waits_.resize(static_cast<std::size_t>(frames_) * tasks());
    done_of_frame_.resize(frames_);
    for (int f = 0; f < frames_; ++f)
      for (int t = 0; t < tasks(); ++t) waits(f, t) = count_waits(f, t);
  }

  Replay run() {
    for (int f = 0; f < frames_; ++f)
      for (int t = 0; t < tasks(); ++t)
        if (waits(f, t) == 0) ready_.push(item(f, t));
    begin_what_can();
    while (!running_.empty()) {
      const Running next = running_.top();
      running_.pop();
      now_ = next.end;
      free_ += next.workers;
      finish(next.item.frame, next.item.task);
      begin_what_can();
    }
    if (static_cast<int>(step_ends_.size()) < (plan_.steps.empty() ? 0 : kSteps))
      throw std::logic_error("replay: some tasks were never ready");
    return summary();
  }

 private:
  struct Item {
    int frame, task;
    double rest;  // seconds of the longest way to the end of the frame: what has most before it goes first
    bool operator<(const Item& other) const {
      return rest != other.rest ? rest < other.rest : frame > other.frame;
    }
  };
  struct Running {
    double end;
    int workers;
    Item item;
    bool operator<(const Running& other) const { return end > other.end; }
  };

  int tasks() const { return static_cast<int>(plan_.tasks.size()); }
  int step_of(int frame) const { return frame / plan_.frames_per_step; }
  bool is_last_of_step(int frame) const { return (frame + 1) % plan_.frames_per_step == 0; }
  Item item(int frame, int task) const { return {frame, task, rest_[task]}; }
  int& waits(int frame, int task) { return waits_[static_cast<std::size_t>(frame) * tasks() + task]; }

  // A task of a frame waits for that of the frame before.
  bool follows(int frame, const Task& task) const {
    const int group = plan_.frames_per_step / options_.gradient_groups;
    return frame > 0 && is_in_order(task) && (task.kind != Task::Kind::accumulate || frame % group != 0);
  }

  // Tasks once per step belong to its last frame, and wait for all.
  bool exists(int frame, int task) const {
    return !is_once_per_step(plan_.tasks[task]) || is_last_of_step(frame);
  }

  int count_waits(int frame, int t) const {
    if (!exists(frame, t)) return -1;
    const Task& task = plan_.tasks[t];
    int count = 0;
    for (const int before : task.before)
      count += is_once_per_step(task) && !is_once_per_step(plan_.tasks[before]) ? plan_.frames_per_step : 1;
    if (follows(frame, task)) ++count;
    if (task.before.empty() && frame >= options_.frames_in_flight) ++count;
    if (t == plan_.admission) {
      if (frame >= options_.lanes) ++count;
      if (step_of(frame) > 0 && !plan_.steps.empty()) ++count;
    }
    return count;
  }

  void arrive(int frame, int task) {
    if (frame >= 0 && frame < frames_ && --waits(frame, task) == 0) ready_.push(item(frame, task));
  }

  void finish(int frame, int t) {
    const Task& task = plan_.tasks[t];
    const bool of_step = is_once_per_step(task);
    const int first = frame / plan_.frames_per_step * plan_.frames_per_step,
              last = first + plan_.frames_per_step - 1;
    for (const int next : after_[t]) {
      const bool next_of_step = is_once_per_step(plan_.tasks[next]);
      if (of_step && !next_of_step)
        for (int f = first; f <= last; ++f) arrive(f, next);
      else
        arrive(next_of_step ? last : frame, next);
    }
    if (frame + 1 < frames_ && follows(frame + 1, task)) arrive(frame + 1, t);
    if (t == plan_.release) arrive(frame + options_.lanes, plan_.admission);
    if (!of_step) frame_has_one_more(frame);
    if (!plan_.steps.empty() && t == plan_.steps.back()) end_step(frame);
  }

  void frame_has_one_more(int frame) {
    if (++done_of_frame_[frame] < tasks_of_frame_) return;
    last_frame_ = std::max(last_frame_, now_);
    for (int t = 0; t < tasks(); ++t)
      if (plan_.tasks[t].before.empty()) arrive(frame + options_.frames_in_flight, t);
  }

  void end_step(int frame) {
    step_ends_.push_back(now_);
    tails_.push_back(now_ - last_frame_);
    for (int f = frame + 1; f <= frame + plan_.frames_per_step; ++f) arrive(f, plan_.admission);
  }

  int most_workers(const Task& task) const {
    if (is_once_per_step(task)) return std::min(options_.cores, kMostOfMemory);
    return task.admitted && task.kind != Task::Kind::ordered ? ways_ : 1;
  }

  void begin_what_can() {
    while (!ready_.empty() && free_ > 0) {
      const Item item = ready_.top();
      ready_.pop();
      const int workers = std::min(free_, most_workers(plan_.tasks[item.task]));
      free_ -= workers;
      running_.push({now_ + seconds_[item.task] / workers, workers, item});
    }
  }

  Replay summary() const {
    Replay made;
    const std::vector<double>& ends = step_ends_;
    made.step_seconds = ends.size() > 1 ? ends.back() - ends[ends.size() - 2] : now_ / kSteps;
    made.steps_seconds = tails_.empty() ? 0 : tails_.back();
    std::vector<double> path(plan_.tasks.size());
    for (int t = 0; t < tasks(); ++t) {
      const Task& task = plan_.tasks[t];
      const double once = seconds_[t];
      made.work_seconds += once * (is_once_per_step(task) ? 1 : plan_.frames_per_step);
      if (is_once_per_step(task)) continue;
      for (const int before : task.before) path[t] = std::max(path[t], path[before]);
      path[t] += once / most_workers(task);
      made.frame_seconds = std::max(made.frame_seconds, path[t]);
      if (!is_in_order(task)) continue;
      const int groups = task.kind == Task::Kind::accumulate ? options_.gradient_groups : 1;
      const double busy = once / most_workers(task) * plan_.frames_per_step / groups;
      if (busy > made.serial_seconds) {
        made.serial_seconds = busy;
        made.serial_task = t;
      }
    }
    return made;
  }

  const Plan& plan_;
  const std::vector<double>& seconds_;
  const ReplayOptions& options_;
  const int frames_;
  int free_, ways_ = 1, tasks_of_frame_ = 0;
  std::vector<std::vector<int>> after_;
  std::vector<double> rest_;
  std::vector<int> waits_, done_of_frame_;
  std::priority_queue<Item> ready_;
  std::priority_queue<Running> running_;
  double now_ = 0, last_frame_ = 0;
  std::vector<double> step_ends_, tails_;
};

}  // namespace

Replay replay(const Plan& plan, const std::vector<double>& seconds, const ReplayOptions& options) {
  return Replayer(plan, seconds, options).run();
}

}  // namespace dagfusion
