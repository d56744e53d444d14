// planned -> running: one oneTBB flow graph from the first frame to the last.
#pragma once

#include <atomic>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/check/check.h"
#include "graph/cluster/exchanged.h"

namespace dagfusion {

struct Planned;  // graph/plan/plan.h
class Cluster;   // graph/cluster/cluster.h

// What a task has cost, summed over its visits.
struct TaskTime {
  enum class Part { forward, backward, weight_gradient, other };
  std::string name, type;  // type: of the node, or "engine"
  std::string node;        // its path; of the engine's own tasks the same as `name`
  Part part = Part::forward;
  bool in_model = false;  // has weights, or comes behind what has
  std::int64_t calls = 0;
  std::int64_t multiply_adds = 0;  // of one call
  double seconds = 0;
  double waited = 0;  // seconds in which a frame could have gone on, and no thread, lane or turn was free
};

// One visit of one frame to one task, as an observer sees it; valid inside of begins() and ends().
class TaskVisit {
 public:
  virtual ~TaskVisit() = default;
  virtual const std::string& name() const = 0;  // of the task: "d out/conv_in"
  virtual const std::string& type() const = 0;  // of the node, or "engine"
  virtual const std::string& node() const = 0;  // its path
  virtual TaskTime::Part part() const = 0;
  virtual bool in_model() const = 0;
  virtual std::int64_t frame() const = 0;     // in the order in which they entered
  virtual std::int64_t position() const = 0;  // of the frame's first image
  virtual std::int64_t step() const = 0;
  virtual int iteration() const = 0;    // of the loop around it
  virtual bool whole_step() const = 0;  // a step's own tasks work for the last of its frames
  virtual std::int64_t ready()
      const = 0;  // when its frame could have gone on (steady clock, ns); 0 = unknown

  struct Value {
    std::string port;  // "x", "d x", "weight gradients", "weights"
    TensorSpec spec;
    std::span<const std::byte> bytes;
  };
  virtual std::vector<Value> inputs() const = 0;   // what a forward task reads; in begins()
  virtual std::vector<Value> outputs() const = 0;  // what a task has written; in ends()
};

// Called by every thread before and after each task; who waits in begins() holds that thread back. For
// measuring and looking.
class TaskObserver {
 public:
  virtual ~TaskObserver() = default;
  virtual void begins(const TaskVisit&) noexcept = 0;
  virtual void ends(const TaskVisit&) noexcept = 0;
  // Where several processes train: what the thread between them did, and waited for. By any thread.
  virtual void exchanged(const Exchanged&) noexcept {}
};

struct RunOptions {
  int threads = 0;                        // 0: the cores this process may use
  std::function<void()> on_thread_entry;  // called once by every thread that joins
  std::filesystem::path directory;        // the run directory; empty = here
  std::string resolved_yaml;
  std::string instruction_set = "unknown";  // saved with the run: results depend on it
  std::vector<std::string> plugins;         // likewise: "libmy_nodes.so 3f1c2b8a", name and checksum
  std::int64_t first_step = 0;              // where to go on
  std::int64_t first_frame = 0;             // without training: frames before it are left out
  bool take_up = false;  // without training: what an unfinished run has left need not come again
  // Before the first frame: sets all weights with their packed copies, and states. Empty: weights start as drawn.
  std::function<void(RunInfo&)> restore;
  std::function<void(std::int64_t)> on_step;  // between two steps, when the model is empty; must not throw
  TaskObserver* observer = nullptr;           // outlives the run
  Cluster* cluster = nullptr;                 // of the processes that share the run, outlives it; null = one
};

struct Progress {
  std::int64_t steps = 0, first_step = 0, all_steps = 0;  // training
  std::int64_t images = 0, all_images = 0;                // retired in this process; all_images -1 = endless
  std::int64_t images_before = 0;  // of `images`: those that an unfinished run had left
  double loss = 0;                 // of the last step
  bool has_loss = false;
  // Pipelines inside the run and nodes that save hold the steps back.
  double paused = 0;          // seconds of it in this process
  double pauses_to_come = 0;  // seconds of it until the end, as far as they are known
  std::string pause;          // the node that does so now; "" = none
  double pause_part = -1;     // of a pipeline inside: how much of it is done, 0 to 1
};

// What the processes of a run have given each other, seen from this one.
struct ExchangeReport {
  int ranks = 1;
  std::int64_t steps = 0;
  std::uint64_t bytes_a_step = 0;  // of gradients, that this process sends
  double exposed = 0;  // seconds that it waited at the ends of steps, for messages and for other processes
};

struct Report {
  enum class Outcome { done, stopped, aborted } outcome = Outcome::done;
  Progress progress;
  double seconds = 0;
  std::vector<TaskTime> tasks;             // by time, longest first
  std::vector<std::string> told;           // lines of nodes: where the results lie
  std::vector<std::string> dropped;        // "images/broken.png: …"
  std::optional<ExchangeReport> exchange;  // where several processes train
};

// A fault of a node while it ran: the node, the step and the images are in the text.
class RunError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Run {
 public:
  Run(Planned, RunOptions);  // makes primitives, allocates, initialises or restores the weights
  ~Run();

  Report run();  // blocks; throws RunError when a node failed
  void stop();   // finish the step that has begun, then save; safe in a signal handler
  void abort();  // drain without running bodies; safe in a signal handler
  Progress progress() const;
  std::vector<TaskTime> times() const;  // so far; what is asked while tasks are running is not exact
  std::optional<ExchangeReport> exchange() const;  // likewise

  // For what is shown before the first step.
  const Planned& planned() const;
  const Checked& checked() const;
  std::size_t planned_bytes() const;  // planned_memory(), and scratch of its threads
  std::size_t lane_bytes() const;
  std::int64_t multiply_adds_per_image() const;  // forward
  int threads() const;
  int lanes() const;
  RunInfo& info();

 private:
  class State;
  std::unique_ptr<State> state_;
};

// Cores that this process may use: the affinity mask and the cgroup's quota.
int available_cores();
// The threads of a run: `asked` for, else what the file says, else one for each of those cores.
int threads_of(const RunSettings&, int asked);

}  // namespace dagfusion
