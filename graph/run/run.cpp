#include "graph/run/run.h"

#include <fmt/format.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_scheduler_observer.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>

#include "graph/run/flow.h"
#include "graph/run/section.h"
#include "graph/values/hand_over.h"

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

}  // namespace

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  std::ifstream quota("/sys/fs/cgroup/cpu.max");  // "200000 100000" or "max 100000"
  double most = 0, period = 0;
  if (quota >> most >> period && period > 0)
    cores = std::min(cores, static_cast<int>(std::ceil(most / period)));
  return std::max(cores, 1);
}

class Run::State {
 public:
  State(Checked checked_, RunOptions options) : checked(std::move(checked_)) {
    shared.options = std::move(options);
    shared.failed_ticket = std::numeric_limits<std::int64_t>::max();
    const int asked = shared.options.threads > 0 ? shared.options.threads : checked.run.threads;
    shared.threads = asked > 0 ? asked : available_cores();
    shared.lanes = checked.run.lanes > 0 ? checked.run.lanes : shared.threads;
    main = std::make_unique<Section>(checked, shared);
    if (shared.options.on_thread_entry)
      shared.options.on_thread_entry();  // primitives are made on this thread
    main->prepare(preparation);
    lane_bytes = main->lane_bytes();
    frame_bytes = main->frame_bytes() * static_cast<std::size_t>(main->frames());
    for (const auto& child : main->children()) {
      lane_bytes = std::max(lane_bytes, child->lane_bytes());
      frame_bytes += child->frame_bytes() * static_cast<std::size_t>(child->frames());
    }
    shared.live = WeightValues(checked.weights->floats(), checked.weights->packed_bytes());
    if (checked.run.training) shared.gradients = Buffer(checked.weights->floats() * sizeof(float));
    with_threads(shared, [&] {
      checked.weights->initialise(shared.live.values(), checked.run.seed);
      if (shared.options.restore) shared.options.restore(*main);
      checked.weights->pack(shared.live);
    });
  }

  void allocate() {
    for (int lane = 0; lane < shared.lanes; ++lane) shared.lane_memory.emplace_back(lane_bytes);
    for (int t = 0; t < shared.threads + 1; ++t) shared.scratch.emplace_back(preparation.scratch_bytes);
  }

  Checked checked;
  Shared shared;
  Preparation preparation;
  std::unique_ptr<Section> main;
  std::size_t lane_bytes = 0, frame_bytes = 0;
};

Run::Run(Checked checked, RunOptions options)
    : state_(std::make_unique<State>(std::move(checked), std::move(options))) {}
Run::~Run() = default;

Report Run::run() {
  State& s = *state_;
  s.allocate();
  const auto begin = std::chrono::steady_clock::now();
  FlowResult flow;
  with_threads(s.shared, [&] { flow = run_flow(*s.main, s.shared); });
  Report report;
  if (s.shared.failed_ticket != std::numeric_limits<std::int64_t>::max())
    throw RunError(s.shared.error.empty() ? "a node failed, and there was no memory to say which"
                                          : s.shared.error);
  if (s.shared.stop.load() < 2) {
    if (!flow.all) s.main->save_now();
    s.main->finish_nodes();
  }
  report.outcome = s.shared.stop.load() >= 2 ? Report::Outcome::aborted
                   : flow.all                ? Report::Outcome::done
                                             : Report::Outcome::stopped;
  report.progress = s.main->progress();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  report.tasks = s.main->times();
  for (const auto& child : s.main->children())
    for (TaskTime& t : child->times()) {
      t.name = "preview/" + t.name;
      report.tasks.push_back(std::move(t));
    }
  std::stable_sort(report.tasks.begin(), report.tasks.end(),
                   [](const TaskTime& a, const TaskTime& b) { return a.seconds > b.seconds; });
  report.told = s.main->all_told();
  for (const auto& child : s.main->children())
    report.told.insert(report.told.end(), child->all_told().begin(), child->all_told().end());
  report.dropped = s.shared.dropped;
  return report;
}

void Run::stop() { state_->shared.stop |= 1; }
void Run::abort() { state_->shared.stop |= 2; }
Progress Run::progress() const { return state_->main->progress(); }
std::vector<TaskTime> Run::times() const { return state_->main->times(); }
const Checked& Run::checked() const { return state_->checked; }
std::size_t Run::lane_bytes() const { return state_->lane_bytes; }
int Run::threads() const { return state_->shared.threads; }
int Run::lanes() const { return state_->shared.lanes; }
RunInfo& Run::info() { return *state_->main; }

std::size_t Run::planned_bytes() const {
  const State& s = *state_;
  return s.shared.live.values().size_bytes() + s.checked.weights->packed_bytes() + s.shared.gradients.size() +
         s.lane_bytes * static_cast<std::size_t>(s.shared.lanes) + s.frame_bytes +
         s.preparation.scratch_bytes * static_cast<std::size_t>(s.shared.threads);
}

std::int64_t Run::multiply_adds_per_image() const {
  std::int64_t sum = 0;
  for (const CheckedNode& n : state_->checked.nodes) {
    const std::int64_t times = n.loop >= 0 ? state_->checked.loops[n.loop].count : 1;
    sum += n.multiply_adds * times;
  }
  return sum / state_->checked.run.micro_batch;
}

namespace {

constexpr std::size_t kLaneBytes = std::size_t{384} << 20;  // what a lane may take when micro_batch is auto
constexpr int kMostImages = 8;                              // and how many images a frame holds at most
constexpr std::int64_t kFrames = 8;  // that a run without training is cut into at least: every core has some

// The most images a frame may hold so that the last one, which is filled up, wastes no more than 3 % of all.
int drawn_together(std::int64_t images, std::int64_t fit) {
  for (std::int64_t n = fit; n > 1; --n) {
    const std::int64_t frames = (images + n - 1) / n;
    if (frames >= kFrames && 32 * (frames * n - images) <= images) return static_cast<int>(n);
  }
  return 1;
}

}  // namespace

Checked check_with_auto(const Tree& file, const Catalog& catalog, CheckOptions options) {
  options.auto_micro_batch = 1;
  Checked one = check(file, catalog, options);
  const Tree* run = file.find("run");
  const Tree* asked = run ? run->find("micro_batch") : nullptr;
  if (asked && asked->text != "auto") return one;
  if (one.weights->weights().empty() && !one.run.training) return one;  // preprocessing: one picture a frame
  const std::size_t per_image = std::max<std::size_t>(plan(one).lane_bytes, 1);
  const std::int64_t fit =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(kLaneBytes / per_image), 1, kMostImages);
  int best = 1;
  if (one.run.training) {
    for (int n = 1; n <= fit; ++n)
      if (one.run.batch_size % n == 0) best = n;
  } else {
    best = drawn_together(*one.images, fit);
  }
  if (best == 1) return one;
  options.auto_micro_batch = best;
  return check(file, catalog, options);
}

}  // namespace dagfusion
