// What an observer sees of a task. Private to graph/run.
#pragma once

#include "graph/run/section.h"

namespace dagfusion {

class FrameVisit final : public TaskVisit {
 public:
  FrameVisit(const Section& section, int task, const Frame& frame)
      : section_(section), task_(section.plan.tasks[task]), frame_(frame) {}

  const std::string& name() const override { return task_.name; }
  const std::string& type() const override { return type_of(section_.checked, task_); }
  const std::string& node() const override { return node_of(section_.checked, task_); }
  TaskTime::Part part() const override { return part_of(task_); }
  bool in_model() const override { return task_.admitted; }
  std::int64_t frame() const override { return frame_.ticket; }
  std::int64_t position() const override { return frame_.position; }
  std::int64_t step() const override { return frame_.step; }
  int iteration() const override { return task_.loop >= 0 ? frame_.iteration[task_.loop] : 0; }
  bool whole_step() const override { return task_.kind == Task::Kind::step; }
  std::int64_t ready() const override { return ready_at(task_, frame_); }
  std::vector<Value> inputs() const override;
  std::vector<Value> outputs() const override;

 private:
  void add(std::vector<Value>&, std::string port, int slot) const;
  bool skipped(const Visit&) const;

  const Section& section_;
  const Task& task_;
  const Frame& frame_;
};

}  // namespace dagfusion
