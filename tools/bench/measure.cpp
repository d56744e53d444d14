#include "tools/bench/measure.h"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <future>
#include <sstream>
#include <utility>

#include "nodes/kernels/bfloat16_dots.h"
#include "nodes/kernels/peak.h"
#include "tools/bench/allocations.h"
#include "tools/bench/pauses.h"
#include "tools/launch/stop_signals.h"
#include "tools/show/screen.h"

namespace dagfusion {

namespace {

constexpr double kWindowSeconds = 0.3, kPeakSeconds = 0.06, kWarmUpSeconds = 1;
constexpr std::int64_t kEndless = std::int64_t{1} << 40;

// When this process started, on the steady clock; the kernel gives it in ticks since the machine was started.
double process_start() {
  std::ifstream file("/proc/self/stat");
  std::string stat;
  std::getline(file, stat);
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  timespec up{};
  clock_gettime(CLOCK_BOOTTIME, &up);
  const double age = static_cast<double>(up.tv_sec) + 1e-9 * static_cast<double>(up.tv_nsec) -
                     std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return now() - age;
}

std::size_t most_memory() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}

// Work until now, in units of which an image takes `per_image`: multiply-adds of the tasks that ended, or
// where nothing is multiplied the images themselves.
double work_done(const Run& run, const std::vector<TaskTime>& tasks) {
  if (run.multiply_adds_per_image() == 0) return static_cast<double>(run.progress().images);
  double sum = 0;
  for (const TaskTime& t : tasks) sum += static_cast<double>(t.calls) * static_cast<double>(t.multiply_adds);
  return sum;
}

double work_of_image(const Run& run, const std::vector<TaskTime>& tasks) {
  const RunSettings& settings = run.checked().run;
  const auto forward = static_cast<double>(run.multiply_adds_per_image());
  if (forward == 0 || !settings.training) return std::max(forward, 1.0);
  double sum = 0;  // less than three times the forward pass: the first layer hands no gradient on
  for (const TaskTime& t : tasks) sum += static_cast<double>(t.multiply_adds);
  return sum / settings.micro_batch;
}

std::vector<TaskTime> difference(const std::vector<TaskTime>& after, const std::vector<TaskTime>& before) {
  std::map<std::string, const TaskTime*> earlier;
  for (const TaskTime& t : before) earlier[t.name] = &t;
  std::vector<TaskTime> between = after;
  for (TaskTime& t : between)
    if (const auto found = earlier.find(t.name); found != earlier.end())
      t.calls -= found->second->calls, t.seconds -= found->second->seconds;
  std::erase_if(between, [](const TaskTime& t) { return t.calls == 0; });
  return between;
}

Measurement conditions(const Run& run, const std::string& file) {
  const RunSettings& settings = run.checked().run;
  return {.file = file,
          .training = settings.training,
          .bfloat16 = settings.activation == DType::bf16,
          .threads = run.threads(),
          .lanes = run.lanes(),
          .micro_batch = settings.micro_batch,
          .batch_size = settings.batch_size,
          .parameters = run.checked().weights->parameters(),
          .multiply_adds = run.multiply_adds_per_image(),
          .planned_bytes = run.planned_bytes()};
}

// Of the units that the run's products go through, and of those for float32;
// the same where that is the run's precision.
struct Peaks {
  Peak own, float32;
};

Peaks measure_peaks(int threads, bool bfloat16) {
  const Peak float32 = measure_peak(threads, kPeakSeconds, kernels::multiply_add_loop);
  return {bfloat16 ? measure_peak(threads, kPeakSeconds, kernels::dot_loop) : float32, float32};
}

template <class F>
double sum(const std::vector<Window>& windows, const F& f) {
  double all = 0;
  for (const Window& w : windows) all += f(w);
  return all;
}

// Ends the run before the future waits for that.
struct Stop {
  Run& run;
  Pauses& pauses;
  ~Stop() {
    run.abort();
    pauses.release();
  }
};

// A run that is let go from pause to pause.
class Windows {
 public:
  Windows(Run& run, Pauses& pauses, Measurement& m) : run_(run), pauses_(pauses), m_(m), stop_{run, pauses} {
    pauses_.hold();
    running_ = std::async(std::launch::async, [&run] { return run.run(); });
    peaks_ = measure_peaks(m.threads, m.bfloat16);
  }

  // Runs for kWindowSeconds, then measures the peak; the work is that of an image until its size is known.
  void next() {
    const std::int64_t allocations_then = allocations();
    const double then = now();
    pauses_.release();
    const bool over =
        running_.wait_for(std::chrono::duration<double>(kWindowSeconds)) == std::future_status::ready;
    const double waited = pauses_.hold();
    const double spent = now() - then - waited / m_.threads;
    m_.allocations += allocations() - allocations_then;
    throw_if_stop_asked();
    if (over) running_.get();  // throws what went wrong
    if (over) throw std::runtime_error("the pipeline came to its end before it could be measured");
    const Peaks then_peaks = std::exchange(peaks_, measure_peaks(m_.threads, m_.bfloat16));
    tasks_ = run_.times();
    const double work_then = std::exchange(work_, work_done(run_, tasks_));
    m_.windows.push_back({.images = work_ - work_then,
                          .seconds = spent,
                          .peak = (then_peaks.own.rate + peaks_.own.rate) / 2,
                          .float32_peak = (then_peaks.float32.rate + peaks_.float32.rate) / 2,
                          .busy = (then_peaks.own.busy + peaks_.own.busy) / 2});
  }
  double work() const { return work_; }                          // so far
  const std::vector<TaskTime>& tasks() const { return tasks_; }  // the same

 private:
  Run& run_;
  Pauses& pauses_;
  Measurement& m_;
  std::future<Report> running_;
  const Stop stop_;
  Peaks peaks_;
  double work_ = 0;
  std::vector<TaskTime> tasks_;
};

}  // namespace

double Measurement::images() const {
  return sum(windows, [](const Window& w) { return w.images; });
}
double Measurement::seconds() const {
  return sum(windows, [](const Window& w) { return w.seconds; });
}
double Measurement::peak() const {
  return sum(windows, [](const Window& w) { return w.seconds * w.peak; }) / seconds();
}
double Measurement::float32_peak() const {
  return sum(windows, [](const Window& w) { return w.seconds * w.float32_peak; }) / seconds();
}
double Measurement::busy() const {
  return 100 * sum(windows, [](const Window& w) { return w.seconds * w.busy; }) / seconds();
}
double Measurement::share() const { return 100 * images() * operations() / (seconds() * peak()); }
double Measurement::share_of_float32() const { return share() * peak() / float32_peak(); }
std::vector<double> Measurement::shares() const {
  std::vector<double> found;
  for (const Window& w : windows) found.push_back(100 * w.images * operations() / (w.seconds * w.peak));
  std::sort(found.begin(), found.end());
  return found;
}

void make_endless(Checked& checked) {
  for (const CheckedNode& n : checked.nodes)
    if (n.type->role == Role::ordered)
      for (const Parameter& p : n.type->parameters)
        if (p.name == "path" && std::filesystem::path(n.parameters.text("path")).is_absolute())
          n.parameters.fail("path",
                            fmt::format("'path' is '{}'; a bench writes to a temporary folder only: give "
                                        "a relative path",
                                        n.parameters.text("path")));
  checked.run.steps = kEndless;
  if (checked.images) checked.images = kEndless;
}

Measurement measure(Invocation request, double seconds, const std::filesystem::path& scratch) {
  const double started = process_start();
  Pauses pauses;
  request.observer = &pauses;
  request.adapt = make_endless;
  request.overrides.push_back({Override::Kind::set, "run.output=" + scratch.string()});
  const Launch made = launch(request);
  Measurement m = conditions(*made.run, request.file.string());
  Windows windows(*made.run, pauses, m);

  const double forward = std::max(static_cast<double>(m.multiply_adds), 1.0);
  const double warm = forward * (m.training ? 3 : 1) * m.lanes * m.micro_batch;
  while (m.seconds() < kWarmUpSeconds || windows.work() < warm) windows.next();
  const std::vector<TaskTime> tasks_before = windows.tasks();
  const std::map<std::string, std::int64_t> allocations_before = pauses.allocations_by_type();
  const double work_before = windows.work(), step = 3 * forward * static_cast<double>(m.batch_size);
  m.windows.clear();
  m.allocations = 0;
  double steps_then = 0;
  do {
    steps_then = m.steps;
    windows.next();
    m.steps = (windows.work() - work_before) / step;
  } while (m.seconds() < seconds || (m.training && std::floor(m.steps) == std::floor(steps_then)));

  const double image = work_of_image(*made.run, windows.tasks());
  for (Window& w : m.windows) w.images /= image;
  m.tasks = difference(windows.tasks(), tasks_before);
  m.allocations_by_type = pauses.allocations_by_type();
  for (const auto& [type, count] : allocations_before) m.allocations_by_type[type] -= count;
  if (pauses.model_was_entered()) m.seconds_to_model = pauses.model_entered() - started;
  m.process_bytes = most_memory();
  if (m.training) m.data_rate = data_rate(m.tasks, m.images(), m.threads);
  return m;
}

}  // namespace dagfusion
