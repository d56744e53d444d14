// One section as nodes of a oneTBB flow graph.
// The only file that includes oneapi/tbb/flow_graph.h; private to graph/.
//
//   entry -> task -> ... -> step -> step -> applied -> retire -> entry
//
// Messages are frames. A null frame is a poke: something that the serial node waits for may have changed.
#pragma once

#include <oneapi/tbb/concurrent_queue.h>
#include <oneapi/tbb/flow_graph.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "graph/cluster/text.h"
#include "graph/run/flow.h"
#include "graph/run/frame_parcel.h"
#include "graph/run/task_bodies.h"
#include "graph/values/hand_over.h"

namespace dagfusion {

namespace flow = tbb::flow;

class SectionGraph {
 public:
  // `on_done` is called once after each start, by some thread,
  // when every frame is home. It may start this again.
  SectionGraph(flow::graph& graph, Section& section, Shared& shared, std::function<void()> on_done);
  // Sends the frames through, behind the frame `parent_ticket` of the section around this one (-1: none).
  void start(std::int64_t parent_ticket);
  FlowResult result() const { return {.emitted = emitted_, .all = emitted_ == total_}; }
  std::string stranded() const;  // what has not come home, by name; empty when all has

 private:
  using Receiver = flow::receiver<Frame*>;
  using Sender = flow::sender<Frame*>;
  using Body = flow::function_node<Frame*, Frame*>;
  using Gate = flow::multifunction_node<Frame*, std::tuple<Frame*>, flow::lightweight>;
  using Control = flow::multifunction_node<Frame*, std::tuple<Frame*>>;
  using Split = flow::multifunction_node<Frame*, std::tuple<Frame*, Frame*>>;
  using Sequencer = flow::sequencer_node<Frame*>;
  using Port = std::tuple_element_t<0, Control::output_ports_type>;

  // gate (several inputs) -> sequencer (in order)
  // -> turn (one frame at a time) -> the node itself; what a task needs.
  struct Chain {
    std::unique_ptr<Gate> gate;
    std::unique_ptr<Sequencer> sequencer;
    std::unique_ptr<Control> turn;
    std::unique_ptr<Body> body;
    std::unique_ptr<Control> control;
    std::unique_ptr<Split> split;
    Receiver* in = nullptr;
    Receiver* core = nullptr;  // past all that stands in front
    Sender* out = nullptr;
    std::vector<int> next;  // what frames go on to: tasks, applied_index(), retire_index()
  };

  // section_graph.cpp: how it is put together
  template <class F>
  auto within_run(F body);
  void make_nodes();
  void make_chain(int task);
  void make_core(int task);
  bool keeps_others_waiting(const Task&) const;
  void make_inner(int task);
  void prepend(Chain& chain, int index, int count, bool ordered, bool by_turns);
  void make_edges();
  void make_frames();
  int arity(int t) const { return static_cast<int>(plan_.tasks[t].before.size()); }
  int retire_index() const { return static_cast<int>(plan_.tasks.size()); }
  int applied_index() const { return retire_index() + 1; }

  // flow.cpp: what it does
  void enter(Frame* returned, Port& port);
  void admit(Frame* arrived, Port& port);
  void take_turn(Frame* arrived, Port& port);
  void take_own_frames(std::int64_t all);
  void collect(int task, Frame* frame, Port& port);
  void give_away(Frame& frame);
  void run_child(int task, Frame* frame, Port& port);
  void applied(const Frame& frame);
  void renew(Frame& frame, std::int64_t number) const;
  bool stopping(std::int64_t before_step) const;
  bool waits_for_others(std::int64_t before_step) const;
  bool waits_after(std::int64_t step) const;
  static void poke(Control& control) {
    hand_over(&control);
    control.try_put(nullptr);
  }
  // Around the body of a task (hand_over.h): along the edges, and from frame to frame where it is serial.
  void begins(int task, const Frame* frame) const noexcept;
  void ends(int task, const Frame* frame) const noexcept;

  flow::graph& graph_;
  Section& section_;
  TaskBodies bodies_;
  Shared& shared_;
  const Plan& plan_;
  const std::function<void()> on_done_;
  std::map<int, std::unique_ptr<SectionGraph>> children_;  // by node
  std::unique_ptr<Control> entry_;
  std::vector<Chain> chains_;
  std::unique_ptr<Body> applied_node_;
  Chain retire_;
  int leaf_count_ = 0;
  std::vector<std::unique_ptr<Frame>> frames_;
  // Of the entry, which is serial; start() touches them while no frame is out.
  std::vector<Frame*> idle_;
  std::int64_t next_ticket_ = 0, first_ = 0, stride_ = 1, total_ = 0, emitted_ = 0, home_ = 0;
  bool ended_ = true, done_ = true;
  // Of the admission, which is serial.
  std::vector<Frame*> arrived_;  // by ticket, modulo the number of frames; null where none is
  std::int64_t next_admitted_ = 0;
  tbb::concurrent_queue<int> free_lanes_;
  // Of the first step node's turn, which is serial.
  std::deque<Frame*> waiting_;
  bool turn_taken_ = false;
  // Whole steps, those nodes too that read and save: what later frames wait for.
  std::atomic<std::int64_t> steps_applied_{0};
  Frame* waiting_for_child_ = nullptr;
  // Frames that have come from other processes.
  struct Delivered {
    Frame* frame = nullptr;
    std::shared_ptr<ReceiveText> parcel;
  };
  tbb::concurrent_queue<Delivered> delivered_;
};

// Lets no further task begin, and waits for those that have.
void drain(flow::graph&, Shared&);

}  // namespace dagfusion
