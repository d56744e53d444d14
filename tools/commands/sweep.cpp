// run-pipeline sweep FILE: many runs of one pipeline that differ
// in what the section `sweep` says, and their report.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <opencv2/core/utility.hpp>

#include "graph/run/unfinished.h"
#include "graph/values/what_of.h"
#include "nodes/files/checkpoint_files.h"
#include "nodes/files/durable.h"
#include "tools/commands/commands.h"
#include "tools/launch/stop_signals.h"
#include "tools/report/live_report.h"
#include "tools/show/screen.h"
#include "tools/show/words.h"
#include "tools/sweep/cells.h"
#include "tools/sweep/report.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

struct Asked : SweepCells::Asked {
  bool list = false, resume = false, skip_failed = false;
};

// What went wrong in a run, left in its cell's directory for the next time.
constexpr const char* kFailedMark = "failed";
constexpr const char* kDoneMark = "done";

// As a shell takes it for one word.
std::string in_quotes(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=,:+-%@";
  if (text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

class Sweep {
 public:
  explicit Sweep(Asked asked) : asked_(std::move(asked)), cells_(asked_) {}

  int run() {
    cells_.check();
    if (asked_.list) return say_cells();
    directory_.emplace(asked_.resume ? RunDirectory::open(newest()) : RunDirectory::create(plan_.output));
    fmt::print("sweep     {} in {}\n", size_in_words(), directory_->path().string());
    std::vector<std::vector<SweepRun>> runs(plan_.cells.size());
    for (std::size_t s = 0; s < plan_.seeds.size(); ++s)  // seed by seed: an early stop leaves whole pairs
      for (std::size_t c = 0; c < plan_.cells.size(); ++c) {
        const Exit status = stop_asked() ? kStopped : try_cell(c, s, runs[c].emplace_back());
        if (status == kStopped || status == kAborted) return say_stopped(status);
      }
    report(runs);
    return say_failed();
  }

 private:
  int say_cells() const {
    for (std::size_t c = 0; c < plan_.cells.size(); ++c) {
      fmt::print("{}{}\n", plan_.cells[c].name, c == plan_.baseline ? "   (the baseline)" : "");
      for (const std::string& note : cells_.notes(c)) fmt::print("    {}\n", printable(note));
    }
    fmt::print("{}\n", size_in_words());
    return kDone;
  }

  std::string size_in_words() const {
    const auto cells = static_cast<std::int64_t>(plan_.cells.size()),
               seeds = static_cast<std::int64_t>(plan_.seeds.size());
    return fmt::format("{}, {}: {}", counted(cells, "cell"), counted(seeds, "seed"),
                       counted(cells * seeds, "run"));
  }

  fs::path newest() const {
    const auto found = RunDirectory::newest(plan_.output);
    if (!found) throw UserError({}, fmt::format("there is no sweep below {} to go on with", plan_.output));
    return *found;
  }

  fs::path directory_of(std::size_t c, std::size_t s) const {
    return cell_directory(directory_->path(), plan_.cells[c], plan_.seeds[s]);
  }

  // One run that fails takes no other with it.
  Exit try_cell(std::size_t c, std::size_t s, SweepRun& seen) {
    const fs::path where = directory_of(c, s), mark = where / kFailedMark;
    try {
      if (asked_.skip_failed && fs::exists(mark)) throw std::runtime_error(read_text(mark));
      const Exit status = run_cell(c, s);
      if (status != kDone) return status;
      seen = read_run(where, plan_.metric);
      fs::remove(mark);
      return kDone;
    } catch (const std::exception& e) {
      failed_.push_back(fmt::format("{} seed {}: {}", plan_.cells[c].name, plan_.seeds[s], what_of(e)));
      fmt::print("{} seed {} failed: {}\n", plan_.cells[c].name, plan_.seeds[s], what_of(e));
      seen = read_failed_run(where);
      leave_mark(mark, what_of(e));
      return kFailed;
    }
  }

  // The disk may be what failed: then the run is tried again in any case.
  static void leave_mark(const fs::path& mark, const char* why) {
    try {
      fs::create_directories(mark.parent_path());
      replace_file(mark, why);
    } catch (const std::exception& e) {
      fmt::print("{}\n", what_of(e));
    }
  }

  int say_stopped(Exit status) const {
    fmt::print("stopped; to go on: {}\n", to_go_on());
    return status;
  }

  int say_failed() const {
    if (failed_.empty()) return kDone;
    const auto failed = static_cast<std::int64_t>(failed_.size());
    fmt::print(stderr, "{} of {} failed:\n", failed,
               counted(static_cast<std::int64_t>(plan_.cells.size() * plan_.seeds.size()), "run"));
    for (const std::string& line : failed_) fmt::print(stderr, "  {}\n", line);
    fmt::print(stderr, "to try {} again: {}; without {}: --resume --skip-failed\n",
               failed == 1 ? "it" : "them", to_go_on(), failed == 1 ? "it" : "them");
    return kFailed;
  }

  std::string to_go_on() const {
    std::string command = fmt::format("run-pipeline sweep {}", asked_.file.string());
    for (const Override& o : asked_.overrides) {
      const std::string typed = typed_text(o);
      command += ' ' + typed.substr(0, typed.size() - o.text.size()) + in_quotes(o.text);
    }
    for (const std::string& plugin : asked_.plugins.files) command += " --plugin " + in_quotes(plugin);
    return command + " --resume";
  }

  // A cell is finished when its newest checkpoint, or without one its mark, says so.
  Exit run_cell(std::size_t c, std::size_t s) {
    const fs::path where = directory_of(c, s);
    if (fs::exists(where / kDoneMark)) return kDone;
    Invocation request = cells_.run_of(c, s, where.string());
    const bool trains = plan_file(request).checked.run.training;
    if (const auto begun = RunDirectory::newest(where); begun && trains) {
      std::vector<std::string> passed_over;
      try {
        const CheckpointFacts facts = open_checkpoint(*begun, passed_over);
        if (facts.step >= plan_file(request).checked.run.steps && !has_unfinished(*begun, facts.step))
          return mark_done(where);  // stopped just before it was marked
        request.resume = begun->string();
      } catch (const UserError&) {  // it was stopped before its first checkpoint: from the start
      }
    }
    Launch made = launch(request);
    fmt::print("\n{} seed {}: {}\n", plan_.cells[c].name, plan_.seeds[s], made.directory->path().string());
    for (const std::string& note : made.notes) fmt::print("{}\n", printable(note));
    std::fflush(stdout);
    LiveReport page(made);
    const Report report = run_on_screen(*made.run);
    page.finish();
    if (report.outcome != Report::Outcome::done)
      return report.outcome == Report::Outcome::aborted ? kAborted : kStopped;
    fmt::print("{} in {}{}\n", counted(report.progress.images, "image"), in_words(report.seconds),
               trains ? fmt::format(", loss {:.4f}", report.progress.loss) : "");
    for (const std::string& line : report.told) fmt::print("{}\n", printable(line));
    return mark_done(where);
  }

  static Exit mark_done(const fs::path& where) {
    replace_file(where / kDoneMark, "");
    return kDone;
  }

  void report(const std::vector<std::vector<SweepRun>>& runs) const {
    const std::vector<SweepRow> rows = compare(plan_, runs);
    directory_->write("report.csv", report_csv(plan_, rows));
    const std::string grid = grid_png(plan_, rows);
    if (!grid.empty()) directory_->write("grid.png", grid);
    directory_->write("report.html", report_html(plan_, rows, asked_.file.filename().string(), grid));
    fmt::print("\n{}report: {}\n", report_text(plan_, rows), (directory_->path() / "report.html").string());
  }

  const Asked asked_;
  const SweepCells cells_;
  const SweepPlan& plan_ = cells_.plan();
  std::optional<RunDirectory> directory_;
  std::vector<std::string> failed_;  // a line each
};

}  // namespace

int sweep_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline sweep"};
  TypedPipeline pipeline;
  Asked asked;
  pipeline.declare(arguments);
  arguments.flag("--list", asked.list, "say which cells there are, and run none");
  arguments.option("--only", asked.only, "this cell and the baseline alone").shown_as("CELL");
  const Argument resume =
      arguments.flag("--resume", asked.resume, "go on with the newest sweep of this file");
  arguments.flag("--skip-failed", asked.skip_failed, "with --resume: leave runs that have failed as they are")
      .needs(resume);
  arguments.option("--threads", asked.threads, "threads; the cores of this process otherwise")
      .between(1, 1024);
  return run_command(arguments, argc, argv, [&] {
    asked.file = find_pipeline(pipeline.file);
    asked.overrides = pipeline.typed.in_order();
    asked.plugins = pipeline.typed.plugins;
    cv::setNumThreads(1);
    if (!asked.list) listen_for_stop();
    return Sweep(std::move(asked)).run();
  });
}

}  // namespace dagfusion
