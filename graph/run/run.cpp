#include "graph/run/run.h"

#include <fmt/format.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_scheduler_observer.h>

#include <algorithm>
#include <latch>
#include <thread>

#include "graph/plan/planned_memory.h"
#include "graph/run/flow.h"
#include "graph/run/task_bodies.h"
#include "graph/values/clock.h"
#include "graph/values/hand_over.h"
#include "graph/values/parallel.h"

namespace dagfusion {

namespace {

// Threads join the arena at any time; each is set up as it enters.
class Observer final : public tbb::task_scheduler_observer {
 public:
  Observer(tbb::task_arena& arena, std::function<void()> hook)
      : tbb::task_scheduler_observer(arena), hook_(std::move(hook)) {
    hand_over(this);
    observe(true);
  }
  ~Observer() override {
    observe(false);
    take_over(this);
  }
  void on_scheduler_entry(bool) override {
    take_over(this);
    if (hook_) hook_();
    hand_over(this);
  }

 private:
  std::function<void()> hook_;
};

// f() on this thread, with the others of the run to share its work.
template <class F>
void with_threads(const Shared& shared, const F& f) {
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(shared.threads));
  tbb::task_arena arena(shared.threads);
  arena.initialize();
  const Observer observer(arena, shared.options.on_thread_entry);
  arena.execute(f);
}

// oneTBB starts a thread when there is work for it, in the middle of a run, and ends the process when it cannot.
// So they are tried before, and then called together while there is memory; oneTBB keeps them.
void try_threads(int count) {
  constexpr int kSpare = 2;  // room for what those that start first take while the others start
  std::vector<std::thread> started;
  std::latch all_tried(1);
  const auto end = [&] {
    all_tried.count_down();
    for (std::thread& t : started) t.join();
  };
  try {
    started.reserve(static_cast<std::size_t>(count + kSpare));
    for (int t = 1; t < count + kSpare; ++t)
      started.emplace_back([&] {
        const Buffer own(1);  // the C library gives each thread that asks for memory a piece of its own
        all_tried.wait();
      });
  } catch (const std::system_error&) {
    end();
    throw std::runtime_error(
        fmt::format("there is no memory for {} threads; --threads asks for fewer", count));
  }
  end();
}

void start_threads(const Shared& shared) {
  constexpr std::int64_t kPatience = 200'000'000;  // nanoseconds: other processes may have the cores
  if (shared.threads == 1) return;
  try_threads(shared.threads);
  with_threads(shared, [&] {
    std::atomic<int> here{0};
    const std::int64_t end = clock_now() + kPatience;
    in_parallel(static_cast<std::size_t>(shared.threads), [&](std::size_t) {
      ++here;
      while (here < shared.threads && clock_now() < end) std::this_thread::yield();
    });
  });
}

}  // namespace

class Run::State {
 public:
  State(Planned given, RunOptions options) : planned(std::move(given)) {
    shared.options = std::move(options);
    const RunSettings& run = planned.checked.run;
    shared.threads = threads_of(run, shared.options.threads);
    shared.lanes = lanes_of(run, shared.threads);
    main = std::make_unique<Section>(planned, shared);
    if (shared.options.on_thread_entry)
      shared.options.on_thread_entry();  // primitives are made on this thread
    main->prepare(preparation);
    measure();
    start_threads(shared);
    set_weights();
    start_averages(*main);
    share_steps();
  }

  // All that a run needs, before any thread of it begins.
  void allocate() {
    for (int lane = 0; lane < shared.lanes; ++lane) shared.lane_memory.emplace_back(lane_bytes);
    for (int t = 0; t < shared.threads + 1; ++t) shared.scratch.emplace_back(preparation.scratch_bytes);
  }

  Report report(const FlowResult& flow, double seconds) const;

  const Planned planned;
  Shared shared;
  Preparation preparation;
  std::unique_ptr<Section> main;
  std::size_t lane_bytes = 0;

 private:
  void measure() {
    lane_bytes = planned.plan.lane_bytes;
    for (const auto& [node, inner] : main->inner) lane_bytes = std::max(lane_bytes, inner->plan.lane_bytes);
  }

  static void start_averages(Section& section) {
    section.start_averages();
    for (const auto& [node, inner] : section.inner) inner->averages.resize(inner->checked.nodes.size());
  }

  void share_steps() {
    if (planned.plan.exchange < 0) return;
    main->exchange = std::make_unique<StepExchange>(*shared.options.cluster, planned.checked, planned.plan,
                                                    shared.gradients, main->due, shared.options.observer);
    main->exchange->before_the_first_step(shared.options.first_step);
  }

  void set_weights() {
    const WeightTable& weights = *planned.checked.weights;
    shared.live = WeightValues(weights.floats(), weights.packed_bytes());
    if (planned.checked.run.training) shared.gradients = GradientSums(weights.floats(), main->share.groups);
    with_threads(shared, [&] {
      if (shared.options.restore) return shared.options.restore(main->info);
      weights.initialise(shared.live.values(), planned.checked.run.seed);
      weights.pack(shared.live);
    });
  }
};

Run::Run(Planned planned, RunOptions options)
    : state_(std::make_unique<State>(std::move(planned), std::move(options))) {}
Run::~Run() = default;

// The others wait for this process: it ends them too.
[[noreturn]] static void end_with_failure(const Shared& shared) {
  if (Cluster* cluster = shared.options.cluster) {
    if (!cluster->first()) cluster->fail(shared.failure.message());
    cluster->failing();
  }
  throw RunError(shared.failure.message());
}

Report Run::run() {
  State& s = *state_;
  s.allocate();
  const std::int64_t begin = clock_now();
  FlowResult flow;
  with_threads(s.shared, [&] {
    if (s.shared.options.take_up) take_up_unfinished(*s.main);
    run_unfinished(*s.main);
    flow = run_flow(*s.main, s.shared);
  });
  if (s.shared.failure.happened()) end_with_failure(s.shared);
  if (!s.shared.stop.made_at_once()) {
    if (!flow.all) save_now(*s.main);
    finish_nodes(*s.main, flow.all || s.planned.checked.run.training ? Came::all : Came::a_part);
  }
  return s.report(flow, static_cast<double>(clock_now() - begin) * 1e-9);
}

Report Run::State::report(const FlowResult& flow, double seconds) const {
  const bool whole = flow.all && std::none_of(main->inner.begin(), main->inner.end(),
                                              [](const auto& inner) { return inner.second->cut_short; });
  Report report{.outcome = shared.stop.made_at_once() ? Report::Outcome::aborted
                           : whole                    ? Report::Outcome::done
                                                      : Report::Outcome::stopped,
                .progress = main->progress(),
                .seconds = seconds,
                .tasks = main->clock.times(),
                .told = main->told,
                .dropped = shared.dropped};
  if (main->exchange) report.exchange = main->exchange->report();
  for (const auto& [node, inner] : main->inner) {
    for (TaskTime& t : inner->clock.times()) {
      t.name = "preview/" + t.name;
      report.tasks.push_back(std::move(t));
    }
    report.told.insert(report.told.end(), inner->told.begin(), inner->told.end());
  }
  std::stable_sort(report.tasks.begin(), report.tasks.end(),
                   [](const TaskTime& a, const TaskTime& b) { return a.seconds > b.seconds; });
  return report;
}

void Run::stop() { state_->shared.stop.after_this_step(); }
void Run::abort() { state_->shared.stop.at_once(); }
Progress Run::progress() const { return state_->main->progress(); }
std::vector<TaskTime> Run::times() const { return state_->main->clock.times(); }
std::optional<ExchangeReport> Run::exchange() const {
  if (!state_->main->exchange) return std::nullopt;
  return state_->main->exchange->report();
}
const Planned& Run::planned() const { return state_->planned; }
const Checked& Run::checked() const { return state_->planned.checked; }
std::size_t Run::lane_bytes() const { return state_->lane_bytes; }
int Run::threads() const { return state_->shared.threads; }
int Run::lanes() const { return state_->shared.lanes; }
RunInfo& Run::info() { return state_->main->info; }

std::size_t Run::planned_bytes() const {
  const State& s = *state_;
  return planned_memory(s.planned, s.shared.lanes) +
         s.preparation.scratch_bytes * static_cast<std::size_t>(s.shared.threads);
}

std::int64_t Run::multiply_adds_per_image() const {
  std::int64_t sum = 0;
  for (const CheckedNode& n : state_->planned.checked.nodes) {
    const std::int64_t times = n.loop >= 0 ? state_->planned.checked.loops[n.loop].count : 1;
    sum += n.multiply_adds * times;
  }
  return sum / state_->planned.checked.run.micro_batch;
}

}  // namespace dagfusion
