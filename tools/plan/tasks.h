// A plan for people: the tasks of a frame in the order they run, what keeps some of them in order, and memory.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "graph/plan/plan.h"

namespace dagfusion {

class PlannedTasks {
 public:
  explicit PlannedTasks(const Planned&);

  // every_task: a line for each; otherwise neighbours of one kind below one node of the file share a line.
  void say(bool every_task, bool slots) const;

  nlohmann::ordered_json json() const;

 private:
  // One line of the table: a task, or neighbours of one kind below one node of the file.
  struct Line {
    int first = 0, count = 1;
    std::string what, kind, why;
    std::int64_t multiply_adds = 0;
    std::size_t bytes = 0;  // of what it writes
  };

  Line line_of(int task, bool every_task) const;
  std::vector<Line> lines(bool every_task) const;
  void say_slots() const;
  void say_memory() const;
  void say_loops() const;
  nlohmann::ordered_json json_of(const Task&) const;
  std::vector<int> written(const Task&) const;
  std::size_t weight_bytes() const;

  const Checked& checked_;
  const Plan& plan_;
  const int threads_, lanes_, frames_;
};

}  // namespace dagfusion
