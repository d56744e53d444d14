#include "graph/run/section_graph.h"

namespace dagfusion {

// As oneTBB calls it: nothing is thrown out of it. What could not be sent on is lost, which only a process without
// memory comes to see; then the run ends.
template <class F>
auto SectionGraph::within_run(F body) {
  return [body, this](Frame* f, auto&... ports) noexcept {
    const RunEdges edges;
    try {
      body(f, ports...);
    } catch (const std::exception& e) {
      shared_.failure.report_fatal(what_of(e));
    }
    if constexpr (sizeof...(ports) == 0) return f;
  };
}

SectionGraph::SectionGraph(flow::graph& graph, Section& section, Shared& shared,
                           std::function<void()> on_done)
    : graph_(graph),
      section_(section),
      bodies_(section),
      shared_(shared),
      plan_(section.plan),
      on_done_(std::move(on_done)) {
  try {
    make_nodes();
    make_edges();
    make_frames();
  } catch (...) {  // an edge behind a buffer is a task already, which must not outlive its node
    drain(graph_, shared_);
    throw;
  }
}

void SectionGraph::make_nodes() {
  entry_ = std::make_unique<Control>(
      graph_, flow::serial,
      within_run([this](Frame* f, Control::output_ports_type& ports) { enter(f, std::get<0>(ports)); }));
  chains_.resize(plan_.tasks.size());
  for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t) make_chain(t);
  applied_node_ = std::make_unique<Body>(graph_, flow::serial, within_run([this](Frame* f) {
                                           take_over(&f->waiting[applied_index()]);
                                           applied(*f);
                                           hand_over(&f->waiting[retire_index()]);
                                         }));
  retire_.body = std::make_unique<Body>(graph_, flow::serial, within_run([this](Frame* f) {
                                          take_over(&f->waiting[retire_index()]);
                                          section_.retire(*f);
                                          hand_over(f);
                                        }));
  retire_.core = retire_.body.get();
}

// Where many frames are in the model at once, each keeps a thread: what leads to its end goes before gradients of weights,
// which fill up the last ones' time. With few threads they follow at once, while what they read is still near.
bool SectionGraph::keeps_others_waiting(const Task& task) const {
  constexpr int kManyThreads = 8;
  return shared_.threads >= kManyThreads && task.admitted && plan_.seed >= 0 &&
         task.kind != Task::Kind::accumulate;
}

void SectionGraph::make_inner(int t) {
  const int node = plan_.tasks[t].visits[0].node;
  Chain& chain = chains_[t];
  chain.control = std::make_unique<Control>(
      graph_, flow::serial, within_run([this, t](Frame* f, Control::output_ports_type& ports) {
        run_child(t, f, std::get<0>(ports));
      }));
  children_[node] = std::make_unique<SectionGraph>(graph_, *section_.inner.at(node), shared_,
                                                   [control = chain.control.get()] { poke(*control); });
}

// What a task does itself, behind all that stands in front of it.
void SectionGraph::make_core(int t) {
  const Task& task = plan_.tasks[t];
  Chain& chain = chains_[t];
  switch (task.kind) {
    case Task::Kind::admission:
      chain.control = std::make_unique<Control>(
          graph_, flow::serial,
          within_run([this](Frame* f, Control::output_ports_type& ports) { admit(f, std::get<0>(ports)); }));
      break;
    case Task::Kind::child:
      make_inner(t);
      break;
    case Task::Kind::collect:
      if (section_.is_first_process())
        chain.control = std::make_unique<Control>(
            graph_, flow::serial, within_run([this, t](Frame* f, Control::output_ports_type& ports) {
              collect(t, f, std::get<0>(ports));
            }));
      else
        chain.body = std::make_unique<Body>(graph_, flow::serial, within_run([this, t](Frame* f) {
                                              begins(t, f);
                                              give_away(*f);
                                              ends(t, f);
                                            }));
      break;
    case Task::Kind::loop_tail:
      chain.split = std::make_unique<Split>(graph_, flow::unlimited,
                                            within_run([this, t](Frame* f, Split::output_ports_type& ports) {
                                              begins(t, f);
                                              const bool again = bodies_.loop_again(plan_.tasks[t], *f);
                                              ends(t, f);
                                              if (again)
                                                std::get<0>(ports).try_put(f);
                                              else
                                                std::get<1>(ports).try_put(f);
                                            }));
      break;
    case Task::Kind::release:
      chain.body = std::make_unique<Body>(graph_, flow::serial, within_run([this, t](Frame* f) {
                                            begins(t, f);
                                            ends(t, f);
                                            if (f->lane_index >= 0) free_lanes_.push(f->lane_index);
                                            poke(*chains_[plan_.admission].control);
                                          }));
      break;
    default:
      chain.body = std::make_unique<Body>(
          graph_, task.serial ? flow::serial : flow::unlimited, within_run([this, t](Frame* f) {
            begins(t, f);
            bodies_.run(t, *f);
            ends(t, f);
          }),
          flow::queueing(), keeps_others_waiting(task) ? flow::node_priority_t{1} : flow::no_priority);
  }
}

void SectionGraph::make_chain(int t) {
  Chain& chain = chains_[t];
  make_core(t);
  if (chain.body) chain.core = chain.body.get(), chain.out = chain.body.get();
  if (chain.control) chain.core = chain.control.get(), chain.out = &flow::output_port<0>(*chain.control);
  if (chain.split) chain.core = chain.split.get(), chain.out = &flow::output_port<1>(*chain.split);
  // Admission takes frames in order by itself: it must be free to receive pokes. The values of a step exist
  // once: where no admission keeps the next step back, a frame passes all step nodes before the next one
  // comes to the first.
  const bool kept_back = section_.checked.run.training && plan_.admission >= 0;
  const bool by_turns = plan_.steps.size() > 1 && t == plan_.steps.front() && !kept_back;
  prepend(chain, t, arity(t), plan_.tasks[t].serial, by_turns);
}

void SectionGraph::prepend(Chain& chain, int index, int count, bool ordered, bool by_turns) {
  chain.in = chain.core;
  if (by_turns) {
    chain.turn = std::make_unique<Control>(graph_, flow::serial,
                                           within_run([this](Frame* f, Control::output_ports_type& ports) {
                                             take_turn(f, std::get<0>(ports));
                                           }));
    flow::make_edge(flow::output_port<0>(*chain.turn), *chain.in);
    chain.in = chain.turn.get();
  }
  if (ordered) {
    chain.sequencer =
        std::make_unique<Sequencer>(graph_, [](Frame* f) { return static_cast<std::size_t>(f->ticket); });
    flow::make_edge(*chain.sequencer, *chain.in);
    chain.in = chain.sequencer.get();
  }
  if (count > 1) {
    chain.gate = std::make_unique<Gate>(graph_, flow::unlimited,
                                        within_run([index, count](Frame* f, Gate::output_ports_type& ports) {
                                          if (f->waiting[index].fetch_sub(1, std::memory_order_acq_rel) != 1)
                                            return;
                                          f->waiting[index].store(count, std::memory_order_relaxed);
                                          std::get<0>(ports).try_put(f);
                                        }));
    flow::make_edge(flow::output_port<0>(*chain.gate), *chain.in);
    chain.in = chain.gate.get();
  }
}

void SectionGraph::make_edges() {
  std::vector<bool> leads_on(plan_.tasks.size());
  for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t) {
    if (plan_.tasks[t].before.empty()) flow::make_edge(flow::output_port<0>(*entry_), *chains_[t].in);
    for (const int b : plan_.tasks[t].before) {
      flow::make_edge(*chains_[b].out, *chains_[t].in);
      chains_[b].next.push_back(t);
      leads_on[b] = true;
    }
  }
  for (const PlannedLoop& loop : plan_.loops) {
    flow::make_edge(flow::output_port<0>(*chains_[loop.tail].split), *chains_[loop.head].core);
    chains_[loop.tail].next.push_back(loop.head);
  }
  std::vector<Sender*> leaves;
  for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t) {
    if (leads_on[t]) continue;
    if (!plan_.steps.empty() && t == plan_.steps.back()) continue;
    leaves.push_back(chains_[t].out);
    chains_[t].next.push_back(retire_index());
  }
  if (!plan_.steps.empty()) {
    flow::make_edge(*chains_[plan_.steps.back()].out, *applied_node_);
    chains_[plan_.steps.back()].next.push_back(applied_index());
    leaves.push_back(applied_node_.get());
  }
  leaf_count_ = static_cast<int>(leaves.size());
  prepend(retire_, retire_index(), leaf_count_, true, false);
  for (Sender* leaf : leaves) flow::make_edge(*leaf, *retire_.in);
  flow::make_edge(*retire_.body, *entry_);
}

void SectionGraph::make_frames() {
  for (int i = 0; i < section_.frames_in_flight; ++i) {
    auto frame = std::make_unique<Frame>();
    frame->memory = Buffer(plan_.frame_bytes);
    frame->images.resize(static_cast<std::size_t>(plan_.image_lists));
    frame->iteration.resize(plan_.loops.size());
    frame->waiting = std::make_unique<std::atomic<int>[]>(plan_.tasks.size() + 2);
    for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t) frame->waiting[t] = arity(t);
    frame->waiting[retire_index()] = leaf_count_;
    frame->done_at = std::make_unique<std::atomic<std::int64_t>[]>(plan_.tasks.size());
    idle_.push_back(frame.get());
    frames_.push_back(std::move(frame));
  }
  arrived_.resize(frames_.size());
  for (int lane = 0; lane < shared_.lanes; ++lane) free_lanes_.push(lane);
}

}  // namespace dagfusion
