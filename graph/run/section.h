// One pipeline of a run while it runs: the main one, or one that runs between two steps. Private to graph/run.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/run/due_steps.h"
#include "graph/run/pauses.h"
#include "graph/run/section_info.h"
#include "graph/run/shared.h"
#include "graph/run/step_exchange.h"
#include "graph/run/task_clock.h"

namespace dagfusion {

// What has come home of a section's frames, and what their losses were.
struct Retired {
  std::atomic<std::int64_t> images{0};
  std::atomic<double> loss{0};  // of the last whole step
  double loss_sum = 0;          // of the step that is coming home
};

// The part of every step that this process takes; all of it where there is one process.
struct StepShare {
  int first = 0, frames = 1;  // of a step
  GroupRange groups;
};

struct Section {
  Section(const Planned&, Shared&);  // with those inside it

  void prepare(Preparation&);   // its nodes
  void start_averages();        // those that calls of the model read, once the live weights are there
  void pack_average(int node);  // after an update, where calls read it
  bool is_to_stop_at_once() const;
  bool skips(const Frame&) const;
  void drop(Frame&, const std::string& reason);  // what follows skips it
  std::int64_t main_ticket(const Frame& f) const { return runs_inside() ? parent_ticket : f.ticket; }
  bool is_first_process() const { return !shared.options.cluster || shared.options.cluster->first(); }
  // A node that takes frames or steps in order: all processes write the weights, and the first does the rest.
  bool runs_here(const CheckedNode& node) const {
    return is_first_process() || (checked.run.training && node.type->phase == Phase::write);
  }
  // Of a section that trains nothing, where several processes have its frames in turn.
  bool is_shared() const { return plan.collect >= 0; }
  int owner_of(std::int64_t frame) const { return static_cast<int>(frame % shared.options.cluster->size()); }
  bool runs_inside() const { return parent_ticket != kNoParent; }
  std::byte* slot(int index, const Frame&) const;
  bool is_zero(int slot, const Frame&) const;  // the value of a `when`
  void step_applied(std::int64_t step);        // all that writes resources is done
  void retire(const Frame&);                   // in order
  void retire_step();                          // where several processes train
  Progress progress() const;
  double part_done() const;  // of what it has to do in this step of the run around it, 0 to 1

  static constexpr std::int64_t kNoParent = -1;

  const Checked& checked;
  const Plan& plan;
  Shared& shared;
  const int frames_in_flight;
  const StepShare share;
  std::map<int, std::unique_ptr<Section>> inner;  // by the node that runs it

  std::unique_ptr<StepExchange> exchange;  // where several processes train

  Buffer step_memory;
  WeightValues* values;                        // those that its nodes read
  std::vector<WeightValues*> averages;         // by node: those that it reads instead; null = `values`
  std::filesystem::path directory;             // where its sinks write
  std::vector<std::string> told;               // by its nodes, for the report
  std::int64_t taken_up = 0;                   // images that an unfinished run had left
  bool cut_short = false;                      // inside another: a request to stop came before its end
  std::int64_t parent_ticket = kNoParent;      // of the step this section runs in
  std::atomic<std::int64_t> visits_before{0};  // of its clock, when it began to run in that step
  std::atomic<std::int64_t> steps_done{0};     // what nodes see: a step counts once its writers have run
  Retired retired;
  Pauses pauses;
  DueSteps due;
  TaskClock clock;
  SectionInfo info;

 private:
  Section(const Checked&, const Plan&, Shared&);
};

// "train.yaml:14:3: node 'norm' (group_norm)"
std::string where_and_owner(const CheckedNode&);

}  // namespace dagfusion
