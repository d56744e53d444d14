// What the tasks of a section do when a frame comes to them. Nothing here throws into oneTBB.
// Private to graph/run.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "graph/run/section.h"

namespace dagfusion {

class TaskBodies {
 public:
  explicit TaskBodies(Section&);
  void run(int task, Frame&) noexcept;
  bool loop_again(const Task& tail, Frame&) noexcept;  // the tail's work; true: once more
  // Around an inner pipeline: its weights chosen and its directory made; its sinks closed. False: it failed.
  bool begin_inner(int node, Frame&) noexcept;
  void end_inner(int node, Frame&) noexcept;

 private:
  // task_bodies.cpp
  void run_guarded(int task, Frame&) noexcept;
  void run_visits(const Task&, Frame&);
  void sum_gradients(const Task&, const Frame&) const;
  void group_done(int task, const Frame&) const;
  void describe_failure(int task, Frame&, const char* what) noexcept;

  // loop_bodies.cpp
  void loop_head(const Task&, Frame&);
  void collect(const PlannedLoop&, const Frame&, int iteration) const;

  // step_bodies.cpp
  void step(const Task&, int task, Frame&);
  void add_to_means(const Task&, int task, const Frame&);
  void write_means(const Task&);
  void exchange_step(const Frame&);
  void add_to_mean(const Mean&, const float* values, double images);
  void make_inner_folder(const Section& inner, const Frame&);
  void empty_folder(const std::filesystem::path&, std::int64_t step);
  void put_off(int node, const Frame&);
  void fail_inner(int node, const Frame&, const char* what) noexcept;

  Section& section_;
  const Checked& checked_;
  const Plan& plan_;
  Shared& shared_;
  std::map<int, std::vector<double>> mean_sums_;  // by slot of the mean
  std::int64_t mean_images_ = 0;                  // of the step so far
  std::int64_t emptied_ = -1;  // the step whose folder for pipelines inside is this process's own
  std::set<std::filesystem::path> there_before_;  // what was in it when the pipeline inside began
};

// When the graph is idle. The saving nodes, when they have not saved this step.
void save_now(Section&);
// After the last frame, or the last before a stop: files are closed, and what is left is written.
enum class Came { all, a_part };
void finish_nodes(Section&, Came);
// Sinks go on with what an unfinished run has left, where all of them can; frames before that do not come again.
void take_up_unfinished(Section& main);
// Pipelines inside the run that a request to stop cut short the last time, after the step it goes on behind.
void run_unfinished(Section& main);

}  // namespace dagfusion
