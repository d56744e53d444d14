// run-pipeline: checks a pipeline file and runs it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <opencv2/core/utility.hpp>

#include "tools/bench.h"
#include "tools/launch.h"
#include "tools/screen.h"

namespace {

using namespace dagfusion;

// sysexits.h: 75 = try again: the run was stopped and can go on.
enum Exit { kDone = 0, kFailed = 1, kUserError = 2, kStopped = 75, kAborted = 130 };

Run* running = nullptr;
volatile std::sig_atomic_t signals = 0;

extern "C" void on_signal(int) {
  if (!running) std::_Exit(kAborted);
  signals = signals + 1;
  static const char once[] = "\nstopping: the step that has begun is finished and saved; once more to stop at once\n";
  static const char twice[] = "\nstopping at once; nothing more is saved\n";
  const auto write_all = [](const char* text, std::size_t size) { [[maybe_unused]] const auto n = ::write(STDERR_FILENO, text, size); };
  if (signals == 1) {
    running->stop();
    write_all(once, sizeof once - 1);
  } else {
    running->abort();
    write_all(twice, sizeof twice - 1);
  }
}

int run(const Invocation& request, bool check_only) {
  if (check_only) {
    const Checked checked = check_file(request);
    fmt::print("{}: {} nodes, {} parameters; no fault found\n", request.file.string(), checked.nodes.size(), checked.weights->parameters());
    return kDone;
  }
  Launch made = launch(request);
  say_before(made);
  running = made.run.get();
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  Report report;
  {
    const ProgressLines progress(*made.run);
    report = made.run->run();
  }
  running = nullptr;
  say_after(made, report);
  if (report.outcome == Report::Outcome::stopped) {
    if (made.run->checked().run.training)
      fmt::print("stopped after step {}; to go on: run-pipeline {} --resume {}\n", report.progress.steps, request.file.string(),
                 made.directory->path().string());
    return kStopped;
  }
  return report.outcome == Report::Outcome::aborted ? kAborted : kDone;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "bench") return bench(argc - 1, argv + 1);
  CLI::App app{"Checks a pipeline file and runs it.\n\n"
               "  run-pipeline pipelines/train.yaml                         trains\n"
               "  run-pipeline pipelines/train.yaml run.steps=100           with another value\n"
               "  run-pipeline pipelines/train.yaml --resume                goes on with the newest run\n"
               "  run-pipeline pipelines/sample.yaml vars.count=16          draws images\n"
               "  run-pipeline bench pipelines/train.yaml                   measures training beside the cores' peak\n",
               "run-pipeline"};
  std::string file;
  std::vector<std::string> sets, adds, removes;
  Invocation request;
  bool check_only = false;
  app.add_option("file", file, "pipeline file; may be left out with --resume RUN");
  app.add_option("overrides", sets, "path=value: replaces a value of the file, such as run.steps=100");
  app.add_option("--add", adds, "path=value: adds a key that is not in the file")->type_name("PATH=VALUE");
  app.add_option("--remove", removes, "takes a key out of the file")->type_name("PATH");
  std::vector<std::string> resumed;
  CLI::Option* resume = app.add_option("--resume", resumed, "go on with RUN, or with the newest run below run.output")->type_name("RUN")->expected(0, 1);
  app.add_flag("--fork", request.fork, "with --resume: a new run from its checkpoint, whatever has changed");
  app.add_option("--threads", request.threads, "threads; the cores of this process otherwise")->check(CLI::Range(1, 1024));
  app.add_flag("--check", check_only, "check the file and run nothing");
  CLI11_PARSE(app, argc, argv);
  if (resume->count() > 0) request.resume = resumed.empty() ? "" : resumed.front();
  if (file.find('=') != std::string::npos && request.resume) sets.insert(sets.begin(), std::exchange(file, ""));
  request.file = file;
  if (file.empty() && (!request.resume || request.resume->empty())) {
    fmt::print(stderr, "{}", app.help());
    return kUserError;
  }
  for (const std::string& s : sets) request.overrides.push_back({Override::Kind::set, s});
  for (const std::string& s : adds) request.overrides.push_back({Override::Kind::add, s});
  for (const std::string& s : removes) request.overrides.push_back({Override::Kind::remove, s});
  cv::setNumThreads(1);  // the flow graph has the threads
  try {
    return run(request, check_only);
  } catch (const UserError& e) {
    running = nullptr;
    fmt::print(stderr, "{}\n", e.what());
    return kUserError;
  } catch (const std::exception& e) {
    running = nullptr;
    fmt::print(stderr, "run-pipeline: {}\n", e.what());
    return kFailed;
  }
}
