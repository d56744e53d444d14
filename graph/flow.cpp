#include "graph/flow.h"

#include <fmt/format.h>
#include <oneapi/tbb/concurrent_queue.h>
#include <oneapi/tbb/flow_graph.h>

#include <limits>
#include <tuple>

namespace dagfusion {

namespace {

namespace flow = tbb::flow;

using Receiver = flow::receiver<Frame*>;
using Sender = flow::sender<Frame*>;
using Ports1 = std::tuple<Frame*>;
using Ports2 = std::tuple<Frame*, Frame*>;
using Body = flow::function_node<Frame*, Frame*>;
using Gate = flow::multifunction_node<Frame*, Ports1, flow::lightweight>;
using Control = flow::multifunction_node<Frame*, Ports1>;
using Split = flow::multifunction_node<Frame*, Ports2>;
using Sequencer = flow::sequencer_node<Frame*>;

}  // namespace

// Messages are frames. A null frame is a poke: something the serial node waits for may have changed.
class SectionGraph {
 public:
  SectionGraph(flow::graph& graph, Section& section, Shared& shared, bool inner)
      : graph_(graph), section_(section), shared_(shared), plan_(section.plan_), inner_(inner) {
    for (auto& [node, child] : section.child_of_node_)
      children_[node] = std::make_unique<SectionGraph>(graph, *child, shared, true);
    make_nodes();
    make_edges();
    make_frames();
  }

  // Sends the frames through; at the end on_done is called, from some thread, once.
  void start(std::int64_t parent_ticket, std::function<void()> on_done) {
    section_.parent_ticket_ = inner_ ? parent_ticket : -1;
    on_done_ = std::move(on_done);
    const RunSettings& run = section_.checked_.run;
    const std::int64_t images = section_.checked_.images.value_or(0);
    total_ = run.training ? (run.steps - shared_.options.first_step) * plan_.frames_per_step
                          : (images + run.micro_batch - 1) / run.micro_batch;
    emitted_ = 0;
    retired_ = 0;
    done_ = false;
    ended_ = false;  // last: a frame still on its way home from an earlier start must not see half of this
    entry_->try_put(nullptr);
  }

  FlowResult result() const { return {.emitted = emitted_, .all = emitted_ == total_}; }

  // What has not come home, by name; empty when all has.
  std::string stranded() const {
    std::string text;
    if (retired_ == emitted_) return text;
    for (const auto& frame : frames_)
      for (std::size_t t = 0; t < plan_.tasks.size(); ++t) {
        const int left = frame->waiting[t], all = arity(static_cast<int>(t));
        if (all > 1 && left != all)
          text += fmt::format("\n  frame {}: '{}' waits for {} of {} inputs", frame->ticket, plan_.tasks[t].name, left, all);
      }
    return fmt::format("{} of {} frames did not come home:{}", emitted_ - retired_, emitted_.load(), text);
  }

 private:
  int arity(int t) const { return static_cast<int>(plan_.tasks[t].before.size()); }
  int retire_index() const { return static_cast<int>(plan_.tasks.size()); }

  // gate (several inputs) -> sequencer (in order) -> the node itself; whatever of that a task needs.
  struct Chain {
    std::unique_ptr<Gate> gate;
    std::unique_ptr<Sequencer> sequencer;
    std::unique_ptr<Body> body;
    std::unique_ptr<Control> control;
    std::unique_ptr<Split> split;
    Receiver* in = nullptr;
    Receiver* core = nullptr;  // past gate and sequencer
    Sender* out = nullptr;
  };

  void prepend(Chain& chain, int index, int count, bool ordered) {
    chain.in = chain.core;
    if (ordered) {
      chain.sequencer = std::make_unique<Sequencer>(graph_, [](Frame* f) { return static_cast<std::size_t>(f->ticket); });
      flow::make_edge(*chain.sequencer, *chain.in);
      chain.in = chain.sequencer.get();
    }
    if (count > 1) {
      chain.gate = std::make_unique<Gate>(graph_, flow::unlimited, [index, count](Frame* f, Gate::output_ports_type& ports) noexcept {
        if (f->waiting[index].fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        f->waiting[index].store(count, std::memory_order_relaxed);
        std::get<0>(ports).try_put(f);
      });
      flow::make_edge(flow::output_port<0>(*chain.gate), *chain.in);
      chain.in = chain.gate.get();
    }
  }

  void make_nodes() {
    entry_ = std::make_unique<Control>(graph_, flow::serial, [this](Frame* f, Control::output_ports_type& ports) noexcept { enter(f, std::get<0>(ports)); });
    chains_.resize(plan_.tasks.size());
    for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t) {
      const Task& task = plan_.tasks[t];
      Chain& chain = chains_[t];
      switch (task.kind) {
        case Task::Kind::admission:
          chain.control = std::make_unique<Control>(graph_, flow::serial, [this](Frame* f, Control::output_ports_type& ports) noexcept { admit(f, std::get<0>(ports)); });
          break;
        case Task::Kind::child:
          chain.control = std::make_unique<Control>(graph_, flow::serial, [this, t](Frame* f, Control::output_ports_type& ports) noexcept { run_child(t, f, std::get<0>(ports)); });
          break;
        case Task::Kind::loop_tail:
          chain.split = std::make_unique<Split>(graph_, flow::unlimited, [this, t](Frame* f, Split::output_ports_type& ports) noexcept {
            if (section_.loop_again(plan_.tasks[t], *f))
              std::get<0>(ports).try_put(f);
            else
              std::get<1>(ports).try_put(f);
          });
          break;
        case Task::Kind::release:
          chain.body = std::make_unique<Body>(graph_, flow::serial, [this](Frame* f) noexcept {
            free_lanes_.push(f->lane_index);
            poke(plan_.admission);
            return f;
          });
          break;
        default:
          chain.body = std::make_unique<Body>(graph_, task.serial ? flow::serial : flow::unlimited, [this, t](Frame* f) noexcept {
            section_.run_task(t, *f);
            return f;
          });
      }
      if (chain.body) chain.core = chain.body.get(), chain.out = chain.body.get();
      if (chain.control) chain.core = chain.control.get(), chain.out = &flow::output_port<0>(*chain.control);
      if (chain.split) chain.core = chain.split.get(), chain.out = &flow::output_port<1>(*chain.split);
      // Admission takes frames in order by itself: it must be free to receive pokes.
      prepend(chain, t, arity(t), task.serial);
    }
    applied_ = std::make_unique<Body>(graph_, flow::serial, [this](Frame* f) noexcept {
      if (f->last_of_step) {
        if (!inner_ && shared_.options.on_step) shared_.options.on_step(f->step + 1);
        // Frames may come here out of order.
        section_.steps_applied_ = std::max<std::int64_t>(section_.steps_applied_, f->step + 1);
        section_.steps_done_ = std::max<std::int64_t>(section_.steps_done_, f->step + 1);
        if (plan_.admission >= 0) poke(plan_.admission);
        entry_->try_put(nullptr);
      }
      return f;
    });
    retire_.body = std::make_unique<Body>(graph_, flow::serial, [this](Frame* f) noexcept {
      retire(*f);
      return f;
    });
    retire_.core = retire_.body.get();
  }

  void make_edges() {
    std::vector<bool> leads_on(plan_.tasks.size());
    for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t) {
      if (plan_.tasks[t].before.empty()) flow::make_edge(flow::output_port<0>(*entry_), *chains_[t].in);
      for (const int b : plan_.tasks[t].before) {
        flow::make_edge(*chains_[b].out, *chains_[t].in);
        leads_on[b] = true;
      }
    }
    for (const PlannedLoop& loop : plan_.loops) flow::make_edge(flow::output_port<0>(*chains_[loop.tail].split), *chains_[loop.head].core);
    std::vector<Sender*> leaves;
    for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t) {
      if (leads_on[t]) continue;
      if (!plan_.steps.empty() && t == plan_.steps.back()) continue;
      leaves.push_back(chains_[t].out);
    }
    if (!plan_.steps.empty()) {
      flow::make_edge(*chains_[plan_.steps.back()].out, *applied_);
      leaves.push_back(applied_.get());
    }
    leaf_count_ = static_cast<int>(leaves.size());
    prepend(retire_, retire_index(), leaf_count_, true);
    for (Sender* leaf : leaves) flow::make_edge(*leaf, *retire_.in);
    flow::make_edge(*retire_.body, *entry_);
  }

  void make_frames() {
    for (int i = 0; i < section_.frames_in_flight_; ++i) {
      auto frame = std::make_unique<Frame>();
      frame->memory = Buffer(plan_.frame_bytes);
      frame->images.resize(static_cast<std::size_t>(plan_.image_lists));
      frame->iteration.resize(plan_.loops.size());
      frame->waiting = std::make_unique<std::atomic<int>[]>(plan_.tasks.size() + 1);
      for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t) frame->waiting[t] = arity(t);
      frame->waiting[retire_index()] = leaf_count_;
      idle_.push_back(frame.get());
      frames_.push_back(std::move(frame));
    }
    for (int lane = 0; lane < shared_.lanes; ++lane) free_lanes_.push(lane);
  }

  void poke(int task) { static_cast<Control*>(chains_[task].control.get())->try_put(nullptr); }

  bool stopping() const {
    return shared_.stop.load() >= (inner_ ? 2 : 1) || shared_.failed_ticket.load() != std::numeric_limits<std::int64_t>::max();
  }

  // A node that saves after step `step` must be done before the next step begins: nothing ordered may be ahead of it.
  bool saving_after(std::int64_t step) const {
    if (section_.steps_applied_ > step) return false;
    return std::any_of(plan_.steps.begin(), plan_.steps.end(), [&](int t) {
      return section_.checked_.nodes[plan_.tasks[t].visits[0].node].type->phase == Phase::save && section_.due(t, step);
    });
  }

  template <class Port>
  void enter(Frame* returned, Port& port) noexcept {
    if (returned) idle_.push_back(returned);
    if (ended_) return;
    const RunSettings& run = section_.checked_.run;
    while (!idle_.empty() && !ended_) {
      const std::int64_t local = emitted_;
      const std::int64_t first = run.training && !inner_ ? shared_.options.first_step * plan_.frames_per_step : 0;
      const std::int64_t number = first + local;
      const bool boundary = number % plan_.frames_per_step == 0;
      if (local == total_ || (boundary && stopping())) {
        ended_ = true;
        break;
      }
      if (run.training && boundary && local > 0 && saving_after(number / plan_.frames_per_step - 1)) break;
      Frame* f = idle_.back();
      idle_.pop_back();
      f->ticket = next_ticket_++;
      f->position = number * run.micro_batch;
      f->step = number / plan_.frames_per_step;
      f->first_of_step = boundary;
      f->last_of_step = (number + 1) % plan_.frames_per_step == 0;
      f->valid = run.micro_batch;
      if (!run.training) f->valid = static_cast<int>(std::min<std::int64_t>(run.micro_batch, *section_.checked_.images - f->position));
      f->dropped = false;
      ++emitted_;
      port.try_put(f);
    }
    finish_if_done();
  }

  // Frames enter the model in order, each with a lane, once the step before theirs has been applied.
  template <class Port>
  void admit(Frame* arrived, Port& port) noexcept {
    if (arrived) arrived_[arrived->ticket] = arrived;
    while (!arrived_.empty() && arrived_.begin()->first == next_admitted_) {
      Frame* f = arrived_.begin()->second;
      if (section_.checked_.run.training && section_.steps_applied_ < f->step) return;
      int lane = -1;
      if (!free_lanes_.try_pop(lane)) return;
      arrived_.erase(arrived_.begin());
      ++next_admitted_;
      f->lane_index = lane;
      f->lane = shared_.lane_memory[static_cast<std::size_t>(lane)].data();
      port.try_put(f);
    }
  }

  template <class Port>
  void run_child(int t, Frame* f, Port& port) noexcept {
    const int node = plan_.tasks[t].visits[0].node;
    SectionGraph& child = *children_.at(node);
    if (!f) {  // the inner pipeline is done
      section_.end_child(node, *waiting_for_child_);
      port.try_put(std::exchange(waiting_for_child_, nullptr));
      return;
    }
    if (!f->last_of_step || section_.skips(*f) || !section_.due(t, f->step) || !section_.begin_child(node, *f)) {
      port.try_put(f);
      return;
    }
    waiting_for_child_ = f;
    Control* self = chains_[t].control.get();
    child.start(section_.main_ticket(*f), [self] { self->try_put(nullptr); });
  }

  void retire(Frame& f) noexcept {
    section_.retired(f);
    ++retired_;
    finish_if_done();
  }

  void finish_if_done() noexcept {
    if (!ended_ || retired_ != emitted_ || done_.exchange(true)) return;
    if (on_done_) on_done_();
  }

  flow::graph& graph_;
  Section& section_;
  Shared& shared_;
  const Plan& plan_;
  const bool inner_;
  std::map<int, std::unique_ptr<SectionGraph>> children_;  // by node
  std::unique_ptr<Control> entry_;
  std::vector<Chain> chains_;
  std::unique_ptr<Body> applied_;
  Chain retire_;
  int leaf_count_ = 0;
  std::vector<std::unique_ptr<Frame>> frames_;
  // Of the entry, which is serial.
  std::vector<Frame*> idle_;
  std::int64_t next_ticket_ = 0, total_ = 0;
  std::atomic<std::int64_t> emitted_{0}, retired_{0};
  std::atomic<bool> ended_{true}, done_{false};
  std::function<void()> on_done_;
  // Of the admission, which is serial.
  std::map<std::int64_t, Frame*> arrived_;
  std::int64_t next_admitted_ = 0;
  tbb::concurrent_queue<int> free_lanes_;
  Frame* waiting_for_child_ = nullptr;
};

FlowResult run_flow(Section& main, Shared& shared) {
  flow::graph graph;
  SectionGraph sections(graph, main, shared, false);
  sections.start(-1, {});
  graph.wait_for_all();
  if (const std::string lost = sections.stranded(); !lost.empty()) throw std::logic_error(lost);
  return sections.result();
}

}  // namespace dagfusion
