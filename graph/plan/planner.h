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
  int slot_of(Wire w) const { return outputs_[w.node][w.output]; }
  void plan_loop(int tail_node);
  void filled_from_the_start(int slot, int head);
  void place();

  // backward.cpp
  int gradient_of(Wire w, const std::vector<int>& terms);
  void add_backward(const Group& group);
  Visit visit_of(int n, std::vector<int> d_out, std::vector<int> d_in) const;

  // order.cpp
  void add_steps();
  void close_loops();
  void add_admission();
  void sort_tasks();

  const Checked& checked_;
  Plan plan_;
  std::vector<Lifetime> lives_;                             // by slot
  std::vector<std::vector<int>> outputs_, saved_;           // slots by node
  std::vector<int> task_of_;                                // forward or step task by node
  std::map<std::ptrdiff_t, std::vector<int>> accumulates_;  // by group
};

}  // namespace dagfusion
