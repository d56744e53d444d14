#include "tools/bench.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <opencv2/core/utility.hpp>
#include <thread>

#include "nodes/kernels/peak.h"
#include "tools/launch.h"

namespace dagfusion {

namespace {

using Clock = std::chrono::steady_clock;
constexpr double kPeakSeconds = 0.1;

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// Operations per second of so many threads together, each in its own loop, in about kPeakSeconds.
double measure_peak(int threads) {
  std::vector<double> rates(static_cast<std::size_t>(threads));
  std::vector<std::thread> workers;
  for (double& rate : rates)
    workers.emplace_back([&rate] {
      float sink = 0;
      std::int64_t operations = 0;
      const Clock::time_point begin = Clock::now();
      while (since(begin) < kPeakSeconds) operations += kernels::multiply_add_loop(100000, &sink);
      rate = static_cast<double>(operations) / since(begin);
    });
  for (std::thread& w : workers) w.join();
  double sum = 0;
  for (const double rate : rates) sum += rate;
  return sum;
}

struct Window {
  double images = 0, seconds = 0, peak = 0;  // peak: mean of the loops before and after
};

double percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1) + 0.5)];
}

}  // namespace

int bench(int argc, char** argv) {
  CLI::App app{
      "Measures a training pipeline beside a loop of fused multiply-adds that runs between its steps.",
      "run-pipeline bench"};
  std::string file;
  std::vector<std::string> sets;
  double seconds = 20;
  Invocation invocation;
  app.add_option("file", file, "pipeline file that trains")->required();
  app.add_option("overrides", sets, "path=value");
  app.add_option("--seconds", seconds, "how long to measure")->capture_default_str();
  app.add_option("--threads", invocation.threads, "threads; the cores of this process otherwise")
      ->check(CLI::Range(1, 1024));
  CLI11_PARSE(app, argc, argv);
  cv::setNumThreads(1);

  const std::filesystem::path scratch =
      std::filesystem::temp_directory_path() / fmt::format("dagfusion-bench-{}", getpid());
  invocation.file = file;
  for (const std::string& s : sets) invocation.overrides.push_back({Override::Kind::set, s});
  invocation.overrides.push_back({Override::Kind::set, "run.steps=1000000000"});
  invocation.overrides.push_back({Override::Kind::set, "run.output=" + scratch.string()});

  Run* run = nullptr;
  std::vector<Window> windows;
  int threads = 1;
  double batch = 0, peak_before = 0;
  Clock::time_point begin, step_begin;
  invocation.on_step = [&](std::int64_t step) {
    const double spent = since(step_begin);
    const double peak = measure_peak(threads);
    if (step > 2) windows.push_back({batch, spent, (peak_before + peak) / 2});  // the first steps warm up
    if (step == 2) begin = Clock::now();
    if (step > 2 && since(begin) > seconds) run->stop();
    peak_before = peak;
    step_begin = Clock::now();
  };
  int result = 0;
  try {
    Launch made = launch(invocation);
    run = made.run.get();
    threads = run->threads();
    batch = static_cast<double>(run->checked().run.batch_size);
    const double operations = 6.0 * static_cast<double>(run->multiply_adds_per_image());
    fmt::print("{}: {:.3f} G multiply-adds per image, {} images a step in frames of {}, {} threads\n", file,
               static_cast<double>(run->multiply_adds_per_image()) * 1e-9, batch,
               run->checked().run.micro_batch, threads);
    std::fflush(stdout);
    step_begin = Clock::now();
    const Report report = run->run();
    std::vector<double> rates, shares;
    double peak = 0;
    for (const Window& w : windows) {
      rates.push_back(w.images / w.seconds);
      shares.push_back(100 * w.images * operations / w.seconds / w.peak);
      peak += w.peak / static_cast<double>(windows.size());
    }
    if (windows.empty())
      throw std::runtime_error(
          "no step ended within the time; give more --seconds or a smaller run.batch_size");
    fmt::print("{} steps: {:.2f} images/s (median), {:.1f} GFLOP/s; peak of multiply-adds {:.1f} GFLOP/s\n",
               windows.size(), percentile(rates, 0.5), percentile(rates, 0.5) * operations * 1e-9,
               peak * 1e-9);
    fmt::print("share of the peak: {:.1f} % median, {:.1f} % least, {:.1f} % most\n", percentile(shares, 0.5),
               percentile(shares, 0), percentile(shares, 1));
    fmt::print("planned memory {:.0f} MiB\n", static_cast<double>(run->planned_bytes()) / 1048576.0);
    std::map<std::string, double> by_type;
    double all = 0;
    for (const TaskTime& t : report.tasks)
      by_type[t.type + (t.name.starts_with("backward") ? " backward"
                        : t.name.starts_with("weight") ? " weight gradient"
                                                       : "")] += t.seconds,
          all += t.seconds;
    std::vector<std::pair<double, std::string>> rows;
    for (const auto& [name, s] : by_type) rows.emplace_back(s, name);
    std::sort(rows.rbegin(), rows.rend());
    for (std::size_t i = 0; i < std::min<std::size_t>(rows.size(), 14); ++i)
      fmt::print("{:5.1f} %  {}\n", 100 * rows[i].first / all, rows[i].second);
  } catch (const UserError& e) {
    fmt::print(stderr, "{}\n", e.what());
    result = 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "run-pipeline bench: {}\n", e.what());
    result = 1;
  }
  std::error_code ignored;
  std::filesystem::remove_all(scratch, ignored);
  return result;
}

}  // namespace dagfusion
