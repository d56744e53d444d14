// One pipeline inside the flow graph: the main one, or one that runs between two steps. Private to graph/run.
#pragma once

#include <map>
#include <mutex>

#include "graph/plan/plan.h"
#include "graph/run/frame.h"
#include "graph/run/run.h"

namespace dagfusion {

// What all sections of a run share.
struct Shared {
  RunOptions options;
  int threads = 1, lanes = 1;
  std::vector<Buffer> lane_memory, scratch;  // by lane, by thread
  WeightValues live;
  Buffer gradients;
  std::atomic<int> stop{0};                 // 1: after this step; from 2 on: at once
  std::atomic<std::int64_t> failed_ticket;  // of the main section: this frame and later ones do nothing
  std::mutex mutex;                         // of what follows
  std::string error;
  std::int64_t error_ticket = -1;
  std::vector<std::string> dropped;

  void fail(std::int64_t main_ticket, std::string message);
};

// The clock of one task: inside its body, and from when its frame could have gone on to when it did.
struct Cost {
  std::atomic<std::int64_t> calls{0}, nanoseconds{0}, waited{0};
};

class Section final : public RunInfo {
 public:
  Section(const Checked&, Shared&);
  ~Section() override;

  void prepare(Preparation&);
  std::size_t lane_bytes() const { return plan_.lane_bytes; }
  std::size_t frame_bytes() const { return plan_.frame_bytes; }
  int frames() const { return frames_in_flight_; }
  const Plan& plan() const { return plan_; }
  const Checked& checked() const { return checked_; }
  std::vector<TaskTime> times() const;
  std::vector<std::unique_ptr<Section>>& children() { return children_; }

  // The tasks: section.cpp, section_loop.cpp, section_step.cpp
  void run_task(int task, Frame&) noexcept;
  bool skips(const Frame&) const;
  bool due(int step_task, std::int64_t step) const;
  bool gives(int node, std::int64_t step) const;  // puts out a value of this step
  std::int64_t main_ticket(const Frame& f) const { return parent_ticket_ >= 0 ? parent_ticket_ : f.ticket; }
  std::byte* slot(int index, const Frame&) const;
  void finish_nodes();
  void save_now();  // the saving nodes, when the graph is idle and they have not saved this step
  void step_applied(std::int64_t step);
  void retired(const Frame&);  // in order
  // Around an inner pipeline: its weights packed and its directory set; its sinks closed. False: it failed.
  bool begin_child(int node, Frame&) noexcept;
  void end_child(int node, Frame&) noexcept;
  Progress progress() const;
  const std::vector<std::string>& all_told() const { return told_; }

  // RunInfo
  std::filesystem::path directory() const override { return directory_; }
  std::filesystem::path resolve(const std::string& path) const override;
  std::uint64_t seed() const override { return checked_.run.seed; }
  std::int64_t steps_done() const override { return steps_done_; }
  std::int64_t first_step() const override { return shared_.options.first_step; }
  const WeightTable& weights() const override { return *checked_.weights; }
  WeightValues& values() override { return *values_; }
  std::span<float> gradients() override { return shared_.gradients.as<float>(); }
  std::string resolved_yaml() const override { return shared_.options.resolved_yaml; }
  std::string state_json() const override;
  std::vector<Stateful> stateful() const override;
  void told(const std::string& line) override;

 private:
  friend class SectionGraph;  // section_graph.h
  friend class FrameCall;
  friend class FrameVisit;  // frame_visit.h

  bool is_zero(int slot, const Frame&) const;  // the value of a `when`
  void run_body(int task, Frame&) noexcept;
  std::int64_t ready_at(const Task&,
                        const Frame&) const;  // when the last task before it was done; 0 = unknown
  void run_visits(const Task&, Frame&);
  void sum_gradients(const Task&, const Frame&) const;
  const std::string& type_of(const Task&) const;
  const std::string& node_of(const Task&) const;  // its path; of the engine's own tasks their name
  static TaskTime::Part part_of(const Task&);
  std::int64_t multiply_adds_of(const Task&) const;
  void loop_head(const Task&, Frame&);
  bool loop_again(const Task&, Frame&) noexcept;  // the tail's work; true: once more
  void step(const Task&, int task, Frame&);
  void add_to_means(const Task&, const Frame&);
  static std::string where_and_owner(const CheckedNode&);  // "train.yaml:14:3: node 'norm' (group_norm)"
  void describe_failure(int task, Frame&, const char* what) noexcept;
  void drop(Frame&, const std::string& reason);

  const Checked& checked_;
  Shared& shared_;
  Plan plan_;
  int frames_in_flight_ = 1;
  Buffer step_memory_;
  std::map<int, std::vector<double>> mean_sums_;  // by slot of the mean
  std::int64_t mean_images_ = 0;
  std::unique_ptr<Cost[]> costs_;
  WeightValues* values_ = nullptr;
  std::filesystem::path directory_;
  std::vector<std::string> told_;
  std::atomic<std::int64_t> steps_done_{0};  // what nodes see: a step counts once its writers have run
  std::atomic<double> loss_{0};
  double loss_sum_ = 0;
  std::atomic<std::int64_t> images_done_{0};
  std::int64_t parent_ticket_ = -1;  // of the step this section runs in
  std::vector<std::unique_ptr<Section>> children_;
  std::map<int, Section*> child_of_node_;
  mutable std::mutex due_mutex_;
  mutable std::map<int, std::map<std::int64_t, bool>> due_by_clock_;  // step task, step
  mutable std::map<int, double> last_fired_;
};

}  // namespace dagfusion
