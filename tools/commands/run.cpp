// run-pipeline FILE: checks a pipeline file and runs it.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <opencv2/core/utility.hpp>

#include "graph/document/number.h"
#include "graph/values/what_of.h"
#include "graph/version.h"
#include "tools/commands/commands.h"
#include "tools/commands/typed_ranks.h"
#include "tools/launch/stop_signals.h"
#include "tools/observe/record.h"
#include "tools/observe/trace.h"
#include "tools/report/live_report.h"
#include "tools/show/screen.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

// Where the run can go on.
std::string how_to_go_on(const Launch& made, std::int64_t step) {
  const std::string command = fmt::format("run-pipeline --resume {}", made.directory->path().string());
  if (step > made.first_step && made.saves)
    return fmt::format("stopped after step {}; to go on: {}", step, command);
  if (made.first_step > 0)
    return fmt::format("stopped after step {}; to go on after step {}: {}", step, made.first_step, command);
  if (step > 0)
    return fmt::format("stopped after step {}; nothing is saved, since the pipeline has no checkpoint node",
                       step);
  return "stopped before the first step";
}

// Where every image was dropped nothing was made.
bool all_dropped(const Launch& made, const Report& report) {
  const auto a_time = static_cast<std::size_t>(made.run->checked().run.micro_batch);
  if (report.dropped.empty() ||
      report.dropped.size() * a_time < static_cast<std::size_t>(report.progress.all_images))
    return false;
  fmt::print(stderr, "nothing was made: all of {} were dropped\n",
             counted(report.progress.all_images, "image"));
  return true;
}

// What to look at during a run, besides.
struct Looks {
  std::string trace, record;
};

int run_alone(Invocation request, const Looks& looks) {
  std::optional<Trace> trace;
  std::optional<Record> record;
  if (!looks.trace.empty() && !looks.record.empty())
    throw UserError({"command line"}, "--trace and --record look at the same place; take one of them");
  if (!looks.trace.empty()) {
    Trace::refuse_target(looks.trace);
    request.observer = &trace.emplace();
  }
  if (!looks.record.empty()) {
    request.observer = &record.emplace(looks.record);
    request.adapt = [&](Checked& checked) { record->refuse_unless_met(checked); };
  }
  Launch made = launch(request);
  if (trace) trace->starts();
  if (!made.run) {
    for (const std::string& note : made.notes) fmt::print("{}\n", printable(note));
    fmt::print("{}\n", made.finished);
    return kDone;
  }
  if (record)
    record->watch(made.run->checked(), made.sections, made.directory ? made.directory->path() : ".");
  say_before(made);
  const bool training = made.run->checked().run.training;
  if (training && !made.saves)
    fmt::print("warning   no checkpoint node is in the pipeline: what is trained is lost with the end\n");
  LiveReport page(made);
  Report report = run_on_screen(*made.run);
  if (report.outcome == Report::Outcome::aborted) {
    fmt::print("stopped at once in step {}; a run with a checkpoint goes on from its newest\n",
               report.progress.steps + 1);
    return kAborted;
  }
  if (record)
    for (const std::string& line : record->written()) report.told.push_back(line);
  if (trace) {
    if (request.cluster)
      Trace::write(looks.trace, request.cluster->gather(trace->events(0)));
    else
      trace->write(looks.trace);
    report.told.push_back(fmt::format(
        "trace of {}: {}", counted(static_cast<std::int64_t>(trace->visits()), "visit"), looks.trace));
  }
  say_after(made, report);
  if (const std::string written = page.finish(); !written.empty()) fmt::print("{}\n", written);
  if (report.outcome == Report::Outcome::done) return all_dropped(made, report) ? kFailed : kDone;
  if (training)
    fmt::print("{}\n", how_to_go_on(made, report.progress.steps));
  else
    fmt::print("stopped after {} of {}\n", report.progress.images,
               counted(report.progress.all_images, "image"));
  if (!training && request.cluster) request.cluster->end_all(kStopped);  // who still computes images for us
  return kStopped;
}

// A rank that is not the first computes, and says nothing.
int run_quietly(Invocation request, const Looks& looks) {
  std::optional<Trace> trace;
  if (!looks.trace.empty()) request.observer = &trace.emplace();
  Launch made = launch(request);
  if (trace) trace->starts();
  if (!made.run) return kDone;
  std::optional<StopSignals> signals;  // a drawing ends with the first rank
  if (made.run->checked().run.training)
    signals.emplace(*made.run, StopSignals::First::finishes_the_step, StopSignals::Says::nothing);
  if (made.run->run().outcome == Report::Outcome::aborted) return kAborted;
  if (trace) request.cluster->gather(trace->events(request.cluster->rank()));
  return kDone;
}

int run(const Invocation& request, bool check_only, const Looks& looks, const TypedRanks& ranks) {
  if (check_only) {
    refuse_ranks("--check");
    say_checked(plan_file(request, ranks.count).checked,
                request.file.empty() ? *request.resume : request.file.string());
    return kDone;
  }
  listen_for_stop();
  if (std::unique_ptr<Cluster> joined = join_ranks(ranks.patience))
    return on_each_rank("run-pipeline", std::move(joined), [&](Cluster& cluster) {
      Invocation shared = request;
      shared.cluster = &cluster;
      return cluster.first() ? run_alone(shared, looks) : run_quietly(shared, looks);
    });
  return run_alone(request, looks);
}

std::string help() {
  std::string text =
      "Checks a pipeline file and runs it.\n\n"
      "  run-pipeline pipelines/train.yaml                         trains\n"
      "  run-pipeline pipelines/train.yaml run.steps=100           with another value\n"
      "  run-pipeline pipelines/train.yaml --resume                goes on with the newest run\n"
      "  run-pipeline pipelines/sample.yaml vars.count=16          draws images\n\n"
      "or does something else with it (each has --help; a pipeline file of such a name is ./check):\n";
  for (const Command& c : commands())
    text += fmt::format("\n  {:<12}{}\n              run-pipeline {}", c.name, c.summary, c.examples.front());
  return text;
}

// A word that is no file, but nearly a command.
std::optional<std::string> misspelt_command(const std::string& word) {
  std::vector<std::string> names;
  for (const Command& c : commands()) names.push_back(c.name);
  if (word.find_first_of("./=") != std::string::npos || std::filesystem::exists(word)) return std::nullopt;
  return nearest(word, names);
}

// `--resume run.steps=9`, `--resume train.yaml`: what follows is no run. The option then goes behind all else,
// where it takes nothing.
std::vector<char*> with_resume_last(int argc, char** argv) {
  const auto is_no_run = [](const std::string& text) {
    return is_override(text) || std::filesystem::is_regular_file(text);
  };
  std::vector<char*> typed(argv, argv + argc);
  for (std::size_t i = 1; i + 1 < typed.size(); ++i)
    if (typed[i] == std::string("--resume") && is_no_run(typed[i + 1])) {
      std::rotate(typed.begin() + static_cast<std::ptrdiff_t>(i),
                  typed.begin() + static_cast<std::ptrdiff_t>(i) + 1, typed.end());
      break;
    }
  typed.push_back(nullptr);
  return typed;
}

}  // namespace

int run_pipeline_command(int argc, char** argv) {
  Arguments arguments{help(), "run-pipeline"};
  arguments.version("run-pipeline " DAGFUSION_VERSION " of Dagfusion");
  std::string file;
  TypedOverrides typed;
  Invocation request;
  bool check_only = false;
  Looks looks;
  TypedRanks ranks;
  typed.declare(arguments, file,
                arguments.option("file", file, "pipeline file; may be left out with --resume RUN"));
  std::string resumed;  // one text and no list: that would take the overrides behind it too
  const Argument resume =
      arguments
          .option("--resume", resumed,
                  "go on with RUN, or with the newest run below run.output; start where there is none")
          .shown_as("RUN")
          .may_lack_a_value();
  arguments.flag("--fork", request.fork, "with --resume: a new run from its checkpoint, whatever has changed")
      .needs(resume);
  arguments.option("--threads", request.threads, "threads; the cores of this process otherwise")
      .between(1, 1024);
  arguments.option("--trace", looks.trace, "write a trace of every task for ui.perfetto.dev")
      .shown_as("FILE");
  arguments
      .option("--record", looks.record, "write what nodes read in one step, for run-node: step=100,node=loss")
      .shown_as("WHAT");
  ranks.declare(arguments);
  arguments.flag("--check", check_only, "check the file and run nothing");
  bool without_sandbox = false;  // main() takes it from every command's line; here it is for the help
  arguments.flag("--no-sandbox", without_sandbox,
                 "read pictures and HDF5 files in this process, not in confined ones; with any command");
  std::vector<char*> typed_arguments = with_resume_last(argc, argv);
  if (const std::optional<int> exit = arguments.read(argc, typed_arguments.data())) return *exit;
  if (resume.given()) request.resume = resumed;
  request.file = file;
  if (const auto command = misspelt_command(file)) {
    fmt::print(stderr, "{}: no such file or command; did you mean '{}'?\n", file, *command);
    return kUserError;
  }
  if (file.empty() && (!request.resume || request.resume->empty())) {
    fmt::print(stderr, "{}", arguments.help());
    return kUserError;
  }
  request.overrides = typed.in_order();
  request.plugins = typed.plugins;
  request.patience = ranks.patience;
  cv::setNumThreads(1);  // the flow graph has the threads
  return guarded("run-pipeline", [&] {
    if (ranks.to_be_started() && !check_only) return ranks.start(command_of_a_rank(argc, argv));
    return run(request, check_only, looks, ranks);
  });
}

}  // namespace dagfusion
