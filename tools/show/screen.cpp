#include "tools/show/screen.h"

#include <fmt/format.h>

#include <algorithm>

#include "nodes/files/confined.h"
#include "nodes/files/durable.h"
#include "nodes/files/picture_list.h"
#include "nodes/files/png_file.h"
#include "tools/launch/stop_signals.h"
#include "tools/report/task_times.h"
#include "tools/show/progress.h"
#include "tools/show/words.h"

namespace dagfusion {

double data_rate(const std::vector<TaskTime>& tasks, double images, int threads) {
  double seconds = 0;
  bool model = false;
  for (const TaskTime& t : tasks) {
    model = model || t.in_model;
    if (!t.in_model && t.part == TaskTime::Part::forward) seconds += t.seconds;
  }
  return model && seconds > 0 ? images * threads / seconds : 0;
}

namespace {

void say_model(const Run& run) {
  const std::int64_t parameters = run.checked().weights->parameters();
  if (parameters == 0) return;
  fmt::print("model     {}, {:.3f} G multiply-adds per image{}\n",
             parameters == 1 ? "1 parameter" : with_commas(parameters) + " parameters",
             static_cast<double>(run.multiply_adds_per_image()) * 1e-9,
             run.checked().run.training ? " (forward)" : "");
}

void say_settings(const Launch& launch) {
  const Run& run = *launch.run;
  const RunSettings& settings = run.checked().run;
  const std::string threads = counted(run.threads(), "thread");
  if (settings.training)
    fmt::print("run       {} of {}, {} a frame, {}{}\n", counted(settings.steps, "step"),
               counted(settings.batch_size, "image"), counted(settings.micro_batch, "image"), threads,
               launch.first_step > 0 ? fmt::format("; goes on after step {}", launch.first_step) : "");
  else
    fmt::print("run       {}, {} a frame, {}\n", counted(run.checked().images.value_or(0), "image"),
               settings.micro_batch, threads);
}

}  // namespace

void say_before(const Launch& launch) {
  const Run& run = *launch.run;
  for (const std::string& note : launch.notes) fmt::print("{}\n", printable(note));
  if (const std::string warning = confinement_warning(); !warning.empty())
    fmt::print("warning   {}\n", warning);
  for (const auto& [name, resource] : run.checked().resources)
    for (const std::string& warning : resource->warnings()) fmt::print("warning   {}\n", warning);
  say_model(run);
  fmt::print("memory    {} planned; {} in {}\n", bytes_in_words(static_cast<double>(run.planned_bytes())),
             bytes_in_words(static_cast<double>(run.lane_bytes())),
             run.lanes() == 1 ? "1 lane" : fmt::format("each of {} lanes", run.lanes()));
  say_settings(launch);
  if (launch.directory) fmt::print("directory {}\n", launch.directory->path().string());
  std::fflush(stdout);
}

Report run_on_screen(Run& run, std::FILE* lines) {
  const StopSignals signals(run);
  const ProgressDisplay progress(run, lines);
  return run.run();
}

namespace {

constexpr std::size_t kMostRows = 8, kMostDropped = 20;
constexpr double kShownPause = 0.5;  // seconds

void say_times(const std::vector<TypeTime>& rows, double all) {
  fmt::print("\n{:<22} {:>10} {:>10} {:>7} {:>12}\n", "time by node type", "calls", "seconds", "share",
             "waited");
  for (std::size_t i = 0; i < std::min(rows.size(), kMostRows); ++i)
    fmt::print("{:<22} {:>10} {:>10.2f} {:>6.1f}% {:>12.2f}\n", rows[i].type, rows[i].calls, rows[i].seconds,
               100 * rows[i].seconds / std::max(all, 1e-9), rows[i].waited);
}

// "; the run is bounded by conv2d, above all 'out/conv_in'": the longest task of the type that took longest.
std::string bound(const Report& report, const std::vector<TypeTime>& rows) {
  if (rows.empty()) return "";
  const auto longest = std::find_if(report.tasks.begin(), report.tasks.end(),
                                    [&](const TaskTime& t) { return t.type == rows.front().type; });
  return fmt::format("; the run is bounded by {}, above all '{}'", rows.front().type, longest->name);
}

void say_exchange(const Report& report) {
  if (!report.exchange || report.exchange->steps == 0) return;
  const ExchangeReport& exchange = *report.exchange;
  fmt::print(
      "each step waited {:.1f} ms at its end for {} and the network; a rank sends {} of gradients a step\n",
      1e3 * exchange.exposed / static_cast<double>(exchange.steps), counted(exchange.ranks - 1, "other rank"),
      bytes_in_words(static_cast<double>(exchange.bytes_a_step)));
}

void say_data_rate(const Run& run, const Report& report, double rate) {
  const double possible = data_rate(report.tasks, static_cast<double>(report.progress.images), run.threads());
  if (possible > 0 && run.checked().run.training)
    fmt::print("the nodes in front of the model could bring {:.0f} images/s, {:.0f} times what it took\n",
               possible, possible / std::max(rate, 1e-9));
}

// All of them, where the screen has no room: in the run directory, or here.
std::string write_dropped(const Launch& launch, const std::vector<std::string>& dropped) {
  const std::string text = printable(fmt::format("{}\n", fmt::join(dropped, "\n")));
  if (launch.directory) {
    launch.directory->write("dropped.txt", text);
    return (launch.directory->path() / "dropped.txt").string();
  }
  const std::filesystem::path path = free_path("dropped.txt");
  replace_file(path, text);
  return path.string();
}

void say_dropped(const Launch& launch, std::vector<std::string> dropped) {
  if (dropped.empty()) return;
  std::sort(dropped.begin(), dropped.end(), natural_less);  // threads drop them in any order
  fmt::print("\n{} dropped:\n", dropped.size());
  for (std::size_t i = 0; i < std::min(dropped.size(), kMostDropped); ++i)
    fmt::print("  {}\n", printable(dropped[i]));
  if (dropped.size() > kMostDropped)
    fmt::print("  and {} more; all are named in {}\n", dropped.size() - kMostDropped,
               write_dropped(launch, dropped));
}

}  // namespace

void say_after(const Launch& launch, const Report& report) {
  const Run& run = *launch.run;
  double all = 0;
  for (const TaskTime& t : report.tasks) all += t.seconds;
  const double stepped = report.seconds - report.progress.paused;
  const std::int64_t images = report.progress.images - report.progress.images_before;
  const double rate = static_cast<double>(images) / std::max(stepped, 1e-9);
  const std::string speed = rate_in_words(rate);
  fmt::print("\n{} in {}{}{}{}\n", counted(images, "image"), in_words(report.seconds),
             speed.empty() ? "" : ", ", speed,
             report.progress.paused < kShownPause
                 ? ""
                 : fmt::format(" in the steps; {} between them, for previews and checkpoints",
                               in_words(report.progress.paused)));
  const std::vector<TypeTime> rows = times_by_type(report.tasks);
  say_times(rows, all);
  fmt::print("threads were busy {:.0f}% of the time{}\n",
             100 * all / std::max(run.threads() * report.seconds, 1e-9), bound(report, rows));
  say_data_rate(run, report, rate);
  say_exchange(report);
  if (launch.directory) launch.directory->write("times.csv", times_csv(report.tasks));
  say_dropped(launch, report.dropped);
  fmt::print("\n");
  for (const std::string& line : report.told) fmt::print("{}\n", printable(line));
  if (launch.directory)
    fmt::print("run directory: {} (pipeline, logs, checkpoints, times of every node in times.csv)\n",
               launch.directory->path().string());
}

}  // namespace dagfusion
