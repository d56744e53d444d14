#include "tools/show/screen.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "tools/launch/stop_signals.h"

namespace dagfusion {

namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

std::string bytes_in_words(double bytes) {
  if (bytes < 1024.0 * 1024) return fmt::format("{:.0f} KiB", bytes / 1024);
  if (bytes < 1024.0 * 1024 * 1024) return fmt::format("{:.0f} MiB", bytes / 1024 / 1024);
  return fmt::format("{:.2f} GiB", bytes / 1024 / 1024 / 1024);
}

std::string with_commas(std::int64_t n) {
  std::string text = std::to_string(n);
  for (int i = static_cast<int>(text.size()) - 3; i > 0; i -= 3)
    text.insert(static_cast<std::size_t>(i), 1, ',');
  return text;
}

double data_rate(const std::vector<TaskTime>& tasks, double images, int threads) {
  double seconds = 0;
  bool model = false;
  for (const TaskTime& t : tasks) {
    model = model || t.in_model;
    if (!t.in_model && t.part == TaskTime::Part::forward) seconds += t.seconds;
  }
  return model && seconds > 0 ? images * threads / seconds : 0;
}

std::string in_words(double seconds) {
  const auto s = static_cast<std::int64_t>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

void say_before(const Launch& launch) {
  const Run& run = *launch.run;
  const RunSettings& settings = run.checked().run;
  for (const std::string& note : launch.notes) fmt::print("{}\n", note);
  for (const auto& [name, resource] : run.checked().resources)
    for (const std::string& warning : resource->warnings()) fmt::print("warning   {}\n", warning);
  if (const std::int64_t parameters = run.checked().weights->parameters(); parameters > 0)
    fmt::print("model     {} parameters, {:.3f} G multiply-adds per image{}\n", with_commas(parameters),
               static_cast<double>(run.multiply_adds_per_image()) * 1e-9,
               settings.training ? " (forward)" : "");
  fmt::print("memory    {} planned; {} in each of {} lanes\n",
             bytes_in_words(static_cast<double>(run.planned_bytes())),
             bytes_in_words(static_cast<double>(run.lane_bytes())), run.lanes());
  if (settings.training)
    fmt::print("run       {} steps of {} images, {} images a frame, {} threads{}\n", settings.steps,
               settings.batch_size, settings.micro_batch, run.threads(),
               launch.first_step > 0 ? fmt::format("; goes on after step {}", launch.first_step) : "");
  else
    fmt::print("run       {} images, {} a frame, {} threads\n", run.checked().images.value_or(0),
               settings.micro_batch, run.threads());
  if (launch.directory) fmt::print("directory {}\n", launch.directory->path().string());
  std::fflush(stdout);
}

namespace {

// A bar on a terminal, else a line every 30 s; from a thread of its own while it lives.
class ProgressLines {
 public:
  explicit ProgressLines(const Run&);
  ~ProgressLines();

 private:
  const Run& run_;
  const bool terminal_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

ProgressLines::ProgressLines(const Run& run) : run_(run), terminal_(isatty(STDERR_FILENO)) {
  thread_ = std::thread([this] {
    const Clock::time_point begin = Clock::now();
    Clock::time_point said = begin;
    std::int64_t first_steps = -1, images_then = 0;
    Clock::time_point then = begin;
    bool estimated = false;
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::milliseconds(terminal_ ? 200 : 500), [&] { return over_; })) {
      const Progress p = run_.progress();
      const auto now = Clock::now();
      if (first_steps < 0 && p.images > 0) first_steps = p.images, then = now, images_then = p.images;
      const double elapsed = std::chrono::duration<double>(now - then).count();
      const double rate = elapsed > 0 ? static_cast<double>(p.images - images_then) / elapsed : 0;
      const double left =
          rate > 0 && p.all_images > 0 ? static_cast<double>(p.all_images - p.images) / rate : -1;
      const std::string remaining = left >= 0 ? in_words(left) + " left" : "";
      if (!terminal_ && !estimated && left >= 0 && elapsed > 5 && p.steps > p.first_step) {
        estimated = true;
        fmt::print("about {} to the last step, {:.1f} images/s\n", in_words(left), rate);
        std::fflush(stdout);
      }
      std::string state = p.all_steps > 0 ? fmt::format("step {}/{}", p.steps, p.all_steps)
                                          : fmt::format("image {}/{}", p.images, p.all_images);
      if (p.has_loss) state += fmt::format("  loss {:.4f}", p.loss);
      state += fmt::format("  {:.1f} images/s  {}", rate, remaining);
      if (terminal_) {
        const double part =
            p.all_images > 0 ? static_cast<double>(p.images) / static_cast<double>(p.all_images) : 0;
        const int filled = static_cast<int>(part * 24);
        fmt::print(stderr, "\r\033[K[{}{}] {}", std::string(static_cast<std::size_t>(filled), '#'),
                   std::string(static_cast<std::size_t>(24 - filled), '.'), state);
        std::fflush(stderr);
      } else if (now - said >= std::chrono::seconds(30)) {
        said = now;
        fmt::print("{}\n", state);
        std::fflush(stdout);
      }
    }
    if (terminal_) fmt::print(stderr, "\r\033[K");
  });
}

ProgressLines::~ProgressLines() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

}  // namespace

Report run_on_screen(Run& run) {
  const StopSignals signals(run);
  const ProgressLines progress(run);
  return run.run();
}

void say_after(const Launch& launch, const Report& report) {
  const Run& run = *launch.run;
  double all = 0;
  for (const TaskTime& t : report.tasks) all += t.seconds;
  fmt::print("\n{} images in {}, {:.1f} images/s\n", report.progress.images, in_words(report.seconds),
             static_cast<double>(report.progress.images) / std::max(report.seconds, 1e-9));
  struct Row {
    std::string type;
    std::int64_t calls = 0;
    double seconds = 0, waited = 0;
  };
  std::map<std::string, Row> by_type;
  for (const TaskTime& t : report.tasks) {
    Row& row = by_type[t.type];
    row.type = t.type;
    row.calls += t.calls;
    row.seconds += t.seconds;
    row.waited += t.waited;
  }
  std::vector<Row> rows;
  for (const auto& [type, row] : by_type) rows.push_back(row);
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.seconds > b.seconds; });
  fmt::print("\n{:<22} {:>10} {:>10} {:>7} {:>12}\n", "time by node type", "calls", "seconds", "share",
             "waited");
  for (std::size_t i = 0; i < std::min<std::size_t>(rows.size(), 8); ++i)
    fmt::print("{:<22} {:>10} {:>10.2f} {:>6.1f}% {:>12.2f}\n", rows[i].type, rows[i].calls, rows[i].seconds,
               100 * rows[i].seconds / std::max(all, 1e-9), rows[i].waited);
  const double threads = run.threads() * report.seconds;
  fmt::print("threads were busy {:.0f}% of the time", 100 * all / std::max(threads, 1e-9));
  if (!report.tasks.empty())
    fmt::print("; the run is bounded by {}, above all '{}'", rows.front().type, report.tasks.front().name);
  fmt::print("\n");
  const double rate = static_cast<double>(report.progress.images) / std::max(report.seconds, 1e-9);
  const double possible = data_rate(report.tasks, static_cast<double>(report.progress.images), run.threads());
  if (possible > 0 && run.checked().run.training)
    fmt::print("the nodes in front of the model could bring {:.0f} images/s, {:.0f} times what it took\n",
               possible, possible / std::max(rate, 1e-9));
  if (launch.directory) {
    std::string csv = "node,type,calls,seconds,waited\n";
    for (const TaskTime& t : report.tasks)
      csv += fmt::format("{},{},{},{:.6f},{:.6f}\n", t.name, t.type, t.calls, t.seconds, t.waited);
    launch.directory->write("times.csv", csv);
  }
  if (!report.dropped.empty()) {
    fmt::print("\n{} dropped:\n", report.dropped.size());
    for (std::size_t i = 0; i < std::min<std::size_t>(report.dropped.size(), 20); ++i)
      fmt::print("  {}\n", report.dropped[i]);
  }
  fmt::print("\n");
  for (const std::string& line : report.told) fmt::print("{}\n", line);
  if (launch.directory)
    fmt::print("run directory: {} (pipeline, logs, checkpoints, times of every node in times.csv)\n",
               launch.directory->path().string());
}

}  // namespace dagfusion
