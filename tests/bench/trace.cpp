// What looking costs, in nanoseconds for each visit of a frame to a node: build/tests/bench_trace
//
// First the very calls that the engine makes around a task, alone in a loop:
// the difference to "no engine" is the cost of tracing when it is off, and when it is on.
// Then whole runs of nodes that do next to nothing, on one thread.
#include "tools/observe/trace.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "graph/plan/plan.h"
#include "graph/run/observed.h"
#include "nodes/catalog.h"

namespace dagfusion {
namespace {

constexpr int kNodes = 20, kImages = 20000;

// A chain of sums over one number an image.
std::string chain() {
  std::string yaml = fmt::format(
      "run: {{images: {}, micro_batch: 1, threads: 1}}\nnodes:\n  n: {{type: image_numbers, count: {}}}\n"
      "  t0: {{type: uniform_timesteps, in: n}}\n",
      kImages, kImages);
  for (int i = 1; i < kNodes; ++i)
    yaml += fmt::format("  t{}: {{type: add, in: {{a: t{}, b: t{}}}}}\n", i, i - 1, i - 1);
  return "diffusion: {schedule: linear}\n" + yaml;
}

// What only looks at who begins and ends, as cheaply as an observer can.
class Nobody final : public TaskObserver {
 public:
  void begins(const TaskVisit&) noexcept override {}
  void ends(const TaskVisit&) noexcept override {}
};

// As cheap as a visit can be, so that nothing but the observer is measured.
class Visit final : public TaskVisit {
 public:
  explicit Visit(std::int64_t frame) : frame_(frame) {}
  const std::string& name() const override { return kName; }
  const std::string& type() const override { return kName; }
  const std::string& node() const override { return kName; }
  TaskTime::Part part() const override { return TaskTime::Part::forward; }
  bool in_model() const override { return false; }
  std::int64_t frame() const override { return frame_; }
  std::int64_t position() const override { return frame_; }
  std::int64_t step() const override { return 0; }
  int iteration() const override { return 0; }
  bool whole_step() const override { return false; }
  std::int64_t ready() const override { return 0; }
  std::vector<Value> inputs() const override { return {}; }
  std::vector<Value> outputs() const override { return {}; }

 private:
  static inline const std::string kName = "n";
  std::int64_t frame_;
};

void body_alone(benchmark::State& state) {
  for (auto _ : state) benchmark::ClobberMemory();
}

// Observer: int = none.
template <class Observer>
void around_a_body(benchmark::State& state) {
  Observer looking{};
  TaskObserver* observer = nullptr;
  if constexpr (!std::is_same_v<Observer, int>) observer = &looking;
  std::int64_t frame = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(observer);  // read anew for every visit, as the engine does
    observed(
        observer, [&] { return Visit(++frame); }, [] { benchmark::ClobberMemory(); });
  }
}

constexpr std::int64_t kVisits = 1 << 20;  // a trace keeps them all
BENCHMARK(body_alone)->Name("no engine: an empty body")->Iterations(kVisits);
BENCHMARK(around_a_body<int>)->Name("no engine: tracing off")->Iterations(kVisits);
BENCHMARK(around_a_body<Trace>)->Name("no engine: tracing on")->Iterations(kVisits);

template <class Observer>
void visits(benchmark::State& state) {
  std::int64_t all = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Observer observer;
    RunOptions options{.threads = 1};
    if constexpr (!std::is_same_v<Observer, int>) options.observer = &observer;
    Run run(plan(check(parse_document(chain(), "chain.yaml"), catalog(), {})), std::move(options));
    state.ResumeTiming();
    run.run();
    all += std::int64_t{kNodes + 1} * kImages;
  }
  state.counters["per_visit"] =
      benchmark::Counter(static_cast<double>(all), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK(visits<int>)->Name("whole run: nobody looks")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(visits<Nobody>)
    ->Name("whole run: an observer that does nothing")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(visits<Trace>)->Name("whole run: --trace")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace dagfusion

BENCHMARK_MAIN();
