// run-pipeline sweep FILE: many runs of one pipeline that differ
// in what the section `sweep` says, and their report.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <opencv2/core/utility.hpp>

#include "graph/compose/block.h"
#include "graph/run/unfinished.h"
#include "graph/values/what_of.h"
#include "nodes/catalog.h"
#include "nodes/files/checkpoint_files.h"
#include "nodes/files/durable.h"
#include "tools/commands/commands.h"
#include "tools/launch/stop_signals.h"
#include "tools/report/live_report.h"
#include "tools/show/screen.h"
#include "tools/show/words.h"
#include "tools/sweep/report.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

struct Asked {
  fs::path file;
  std::vector<Override> overrides;
  TypedPlugins plugins;
  std::string only;
  bool list = false, resume = false, skip_failed = false;
  int threads = 0;
};

// What went wrong in a run, left in its cell's directory for the next time.
constexpr const char* kFailedMark = "failed";
constexpr const char* kDoneMark = "done";

bool is_of_sweep(const Override& o) { return o.text.starts_with("sweep."); }

// As a shell takes it for one word.
std::string in_quotes(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=,:+-%@";
  if (text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

// `sweep.seeds=[1]`: a key that the section may have need not be there.
void change_sweep(Tree& sweep, Change change, const Catalog& types) {
  Tree root{.kind = Tree::Kind::map, .where = sweep.where};
  root.entries.push_back({"sweep", sweep.where, std::move(sweep)});
  const std::string key = change.path.substr(change.path.find('.') + 1);
  const Tree& section = root.entries.front().value;
  if (change.kind == Change::Kind::set && section.is_map() && key.find('.') == std::string::npos &&
      !section.find(key))
    change.kind = Change::Kind::add;
  std::vector<std::string> notes;
  apply(root, change, types, notes);
  sweep = std::move(root.entries.front().value);
}

class Sweep {
 public:
  explicit Sweep(Asked asked) : asked_(std::move(asked)), composed_(compose(asked_.file, asked_.plugins)) {
    if (composed_.sweep.is_null()) {
      const bool empty = composed_.sweep.where.line > 0;
      throw UserError(empty ? composed_.sweep.where : Position{asked_.file.string(), 1, 1},
                      empty ? "section 'sweep' is empty; it says axes, seeds and a metric"
                            : "this file has no section 'sweep': axes, seeds and a metric");
    }
    for (const Override& o : asked_.overrides)
      if (is_of_sweep(o)) change_sweep(composed_.sweep, read_override(o), catalog());
    plan_ = read_sweep(composed_.sweep, asked_.file);
    if (!asked_.only.empty()) keep_only();
    compose_cells();
    refuse_other_scales(plan_, files_, with_own_types(catalog(), composed_.file));
  }

  int run() {
    check_cells();
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
  void keep_only() {
    std::vector<std::string> names;
    for (const SweepCell& c : plan_.cells) names.push_back(c.name);
    const std::string baseline = plan_.cells[plan_.baseline].name;
    std::erase_if(plan_.cells,
                  [&](const SweepCell& c) { return c.name != asked_.only && c.name != baseline; });
    if (std::find(names.begin(), names.end(), asked_.only) == names.end())
      throw UserError({"command line"},
                      fmt::format("no cell '{}'{}", asked_.only, suggestion(asked_.only, names)));
    for (plan_.baseline = 0; plan_.cells[plan_.baseline].name != baseline;) ++plan_.baseline;
  }

  // Every cell's file, its variables not put in yet; all faults of all cells together.
  void compose_cells() {
    std::vector<Change> typed;
    for (const Override& o : asked_.overrides)
      if (!is_of_sweep(o)) refuse_own_values(typed.emplace_back(read_override(o)));
    const Catalog types = with_own_types(catalog(), composed_.file);
    for_each_cell([&](const SweepCell& cell) {
      Tree& file = files_.emplace_back(composed_.file);
      std::vector<std::string>& notes = notes_.emplace_back();
      for (const Change& change : typed) apply(file, change, types, notes);
      for (const Change& change : cell.changes) apply(file, change, types, notes);
    });
  }

  // The faults of all cells together, each shown once, with the cells that have it.
  void for_each_cell(const std::function<void(const SweepCell&)>& work) const {
    std::vector<std::pair<Fault, std::vector<std::string>>> found;
    for (const SweepCell& cell : plan_.cells) {
      throw_if_stop_asked();
      try {
        work(cell);
      } catch (const UserError& e) {
        for (const Fault& f : e.faults()) {
          const auto known = std::find_if(found.begin(), found.end(),
                                          [&](const auto& told) { return says_the_same(told.first, f); });
          (known == found.end() ? found.emplace_back(f, std::vector<std::string>()) : *known)
              .second.push_back(cell.name);
        }
      }
    }
    std::vector<Fault> faults;
    for (auto& [fault, cells] : found) {
      if (cells.size() < plan_.cells.size())
        fault.message += fmt::format(" (cell {})", fmt::join(cells, ", cell "));
      faults.push_back(std::move(fault));
    }
    if (!faults.empty()) throw UserError(std::move(faults));
  }

  Invocation invocation(std::size_t c, std::size_t s) const {
    const std::string output =
        directory_ ? cell_directory(directory_->path(), plan_.cells[c], plan_.seeds[s]).string() : "runs";
    Invocation made{.file = asked_.file, .threads = asked_.threads, .composed = files_[c]};
    made.overrides = {{Override::Kind::set, fmt::format("run.seed={}", plan_.seeds[s])},
                      {Override::Kind::set, fmt::format("run.output='{}'", output)}};
    return made;
  }

  void check_cells() const {
    for_each_cell([&](const SweepCell& cell) {
      const Checked checked =
          plan_file(invocation(static_cast<std::size_t>(&cell - plan_.cells.data()), 0)).checked;
      refuse_missing_metric(plan_.metric, checked);
    });
  }

  int say_cells() const {
    for (std::size_t c = 0; c < plan_.cells.size(); ++c) {
      fmt::print("{}{}\n", plan_.cells[c].name, c == plan_.baseline ? "   (the baseline)" : "");
      for (const std::string& note : notes_[c]) fmt::print("    {}\n", printable(note));
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
    Invocation request = invocation(c, s);
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
  Composed composed_;
  SweepPlan plan_;
  std::vector<Tree> files_;  // by cell
  std::vector<std::vector<std::string>> notes_;
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
