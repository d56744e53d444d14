// What looking costs: nanoseconds for each visit of a frame to a node, with nobody looking, and with a trace.
// Nodes that do next to nothing, one thread, so that all there is besides is the engine itself.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "nodes/catalog.h"
#include "tools/trace.h"

namespace dagfusion {
namespace {

constexpr int kNodes = 20, kImages = 20000;

// A chain of sums over one number an image.
std::string chain() {
  std::string yaml = fmt::format("run: {{images: {}, micro_batch: 1, threads: 1}}\nnodes:\n  n: {{type: image_numbers, count: {}}}\n"
                                 "  t0: {{type: uniform_timesteps, in: n}}\n", kImages, kImages);
  for (int i = 1; i < kNodes; ++i) yaml += fmt::format("  t{}: {{type: add, in: {{a: t{}, b: t{}}}}}\n", i, i - 1, i - 1);
  return "diffusion: {schedule: linear}\n" + yaml;
}

// What only looks at who begins and ends, as cheaply as an observer can.
class Nobody final : public TaskObserver {
 public:
  void begins(const TaskVisit&) noexcept override {}
  void ends(const TaskVisit&) noexcept override {}
};

template <class Observer>
void visits(benchmark::State& state) {
  std::int64_t all = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Observer observer;
    RunOptions options{.threads = 1};
    if constexpr (!std::is_same_v<Observer, int>) options.observer = &observer;
    Run run(check(parse_document(chain(), "chain.yaml"), catalog(), {}), std::move(options));
    state.ResumeTiming();
    run.run();
    all += std::int64_t{kNodes + 1} * kImages;
  }
  state.counters["per_visit"] = benchmark::Counter(static_cast<double>(all), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK(visits<int>)->Name("nobody looks")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(visits<Nobody>)->Name("an observer that does nothing")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(visits<Trace>)->Name("--trace")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace dagfusion

BENCHMARK_MAIN();
