// The planner while it works: private to graph/plan.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/plan/plan.h"

namespace dagfusion {

class Planner {
 public:
  explicit Planner(const Checked& checked);
  Plan result();

 private:
  // plan.cpp
  int add_slot(std::string name, TensorSpec spec);
  int add_task(Task::Kind kind, std::string name, int loop);
  void link(int first, int then);
  void writes(int task, int slot);
  void reads(int task, int slot);
  void add_forward();
  void add_ahead(int n);
  int slot_of(Wire w) const { return outputs_[w.node][w.output]; }
  void plan_loop(int tail_node);
  void filled_from_the_start(int slot, int head);
  void place();

  // backward.cpp
  struct BackwardPass;
  void add_backward(int group);
  void seed_loss(BackwardPass&);
  int gradient_of(Wire w, const std::vector<int>& terms);
  std::vector<int> gradients_of_outputs(int n, BackwardPass&);
  std::vector<int> gradients_of_inputs(int n, const std::vector<int>& d_out, BackwardPass&);
  int kept_or_again(Wire w, const std::vector<int>& d_out, BackwardPass&);
  bool is_made_again(int n) const;
  void make_again(int n, const std::vector<int>& d_out, BackwardPass&);
  void add_backward_task(int n, const std::vector<int>& d_out, const std::vector<int>& d_in, BackwardPass&);
  void add_accumulate(int n, const std::vector<int>& d_out, const std::vector<int>& d_in, BackwardPass&);
  void hold_back(const BackwardPass&);
  Visit visit_of(int n, std::vector<int> d_out, std::vector<int> d_in) const;

  // order.cpp
  void add_steps();
  void add_exchange();
  void add_collect();
  std::vector<bool> behind_ordered() const;
  void close_loops();
  std::vector<bool> without_lane() const;
  std::vector<bool> behind_steps(const std::vector<bool>& without_lane) const;
  void add_admission();
  void admit(const std::vector<bool>& admitted, const std::vector<bool>& without_lane);
  void sort_tasks();

  const Checked& checked_;
  Plan plan_;
  std::vector<Lifetime> lives_;                    // by slot
  std::vector<std::vector<int>> outputs_, saved_;  // slots by node
  std::vector<int> task_of_;                       // forward or step task by node
  std::map<int, std::vector<int>> accumulates_;    // by group
  // A value from outside a loop that is read in every iteration: until the tail of the last one.
  struct ReadThroughout {
    int slot, loop;
  };
  std::vector<ReadThroughout> read_throughout_;
};

}  // namespace dagfusion
