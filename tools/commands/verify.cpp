// run-pipeline verify FILE: runs it several times,
// on other numbers of threads, and compares every value bit for bit.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "graph/document/number.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/files/manifest.h"
#include "tools/commands/commands.h"
#include "tools/launch/ranks.h"
#include "tools/launch/scratch.h"
#include "tools/launch/stop_signals.h"
#include "tools/observe/fingerprints.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

// What a run leaves that is made of numbers alone: not how long it took, nor where.
std::map<std::string, std::string> left_in(const fs::path& run) {
  static const std::set<std::string> kOfTheMachine = {"times.csv", "machine.json",  "report.html",
                                                      "lock",      "metrics.jsonl", "metrics.csv",
                                                      kPipeline,   kManifest};
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(run)) {
    if (!entry.is_regular_file() || kOfTheMachine.contains(entry.path().filename())) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    found[fs::relative(entry.path(), run).string()] = {std::istreambuf_iterator<char>(in), {}};
  }
  return found;
}

bool names(const std::vector<Override>& overrides, const std::string& path) {
  return std::any_of(overrides.begin(), overrides.end(),
                     [&](const Override& o) { return o.text.starts_with(path + "="); });
}

// By processes of their own, as a user starts them, into run directories that are compared file by file.
class RankRuns {
 public:
  RankRuns(const TypedPipeline& pipeline, std::vector<std::string> typed, int steps,
           const std::vector<int>& ranks)
      : typed_(std::move(typed)), ranks_(ranks) {
    Invocation request = pipeline.invocation();
    const Planned planned = plan_file(request, *std::max_element(ranks.begin(), ranks.end()));
    if (!planned.checked.run.training) return;
    typed_.push_back(fmt::format("run.steps={}", std::min<std::int64_t>(planned.checked.run.steps, steps)));
    typed_.push_back(fmt::format("run.micro_batch={}", planned.checked.run.micro_batch));
    if (!names(request.overrides, "run.gradient_groups"))
      typed_.push_back(fmt::format("run.gradient_groups={}", planned.checked.run.gradient_groups));
    const bool saves = std::any_of(planned.checked.nodes.begin(), planned.checked.nodes.end(),
                                   [](const CheckedNode& n) { return n.type->phase == Phase::save; });
    if (!saves) typed_.insert(typed_.end(), {"--add", "nodes.saved_to_verify={type: checkpoint}"});
  }

  int compare() const {
    std::map<std::string, std::string> first;
    for (const int n : ranks_) {
      const Scratch scratch("verify");
      const std::map<std::string, std::string> seen = left_by(n, scratch.path());
      const std::string who = counted(n, "rank");
      if (n == ranks_.front()) {
        first = seen;
        fmt::print("{}: {}\n", who, counted(static_cast<std::int64_t>(seen.size()), "file"));
        continue;
      }
      for (const auto& [file, bytes] : first)
        if (const auto other = seen.find(file); other == seen.end() || other->second != bytes) {
          fmt::print("{}: {} {}\n", who, file, other == seen.end() ? "is not there" : "differs");
          return kFailed;
        }
      fmt::print("{}: the same bits\n", who);
    }
    return kDone;
  }

 private:
  std::map<std::string, std::string> left_by(int ranks, const fs::path& folder) const {
    std::vector<std::string> command = {fs::read_symlink("/proc/self/exe").string()};
    command.insert(command.end(), typed_.begin(), typed_.end());
    command.push_back("run.output=" + folder.string());
    const int exit = start_quietly(ranks, command);
    throw_if_stop_asked();
    if (exit != kDone)
      throw std::runtime_error(fmt::format("the run on {} ended with {}", counted(ranks, "rank"), exit));
    return left_in(folder / "001");
  }

  std::vector<std::string> typed_;
  const std::vector<int>& ranks_;
};

// The pipeline and its overrides: all but what is verify's own.
std::vector<std::string> as_typed(int argc, char** argv) {
  std::vector<std::string> typed;
  for (int a = 1; a < argc; ++a) {
    const std::string text = argv[a];
    const auto is = [&](const char* option) { return text == option; };
    if (is("--ranks") || is("--steps") || is("--threads"))
      ++a;
    else if (!text.starts_with("--ranks=") && !text.starts_with("--steps=") &&
             !text.starts_with("--threads="))
      typed.push_back(text);
  }
  return typed;
}

// In this process, on other numbers of threads; every value of every node is compared.
class ThreadRuns {
 public:
  ThreadRuns(const TypedPipeline& pipeline, int steps, const std::vector<int>& threads)
      : pipeline_(pipeline), steps_(steps), threads_(threads) {}

  int compare() const {
    const std::unique_ptr<Fingerprints> first = seen_by(threads_.front());
    fmt::print("{}: {}\n", counted(threads_.front(), "thread"),
               counted(static_cast<std::int64_t>(first->values().size()), "value"));
    for (std::size_t i = 1; i < threads_.size(); ++i) {
      const std::string who = counted(threads_[i], "thread");
      if (const auto deviation = first_deviation(*first, *seen_by(threads_[i]))) {
        say(who, *deviation);
        return kFailed;
      }
      fmt::print("{}: the same bits\n", who);
    }
    return kDone;
  }

 private:
  std::unique_ptr<Fingerprints> seen_by(int threads) const {
    const Scratch scratch("verify");
    auto seen = std::make_unique<Fingerprints>();
    Invocation request = pipeline_.invocation();
    request.threads = threads;
    request.observer = seen.get();
    request.adapt = [&](Checked& checked) {
      checked.run.output = scratch.path().string();
      checked.run.steps = std::min<std::int64_t>(checked.run.steps, steps_);
    };
    const Launch made = launch(request);
    const StopSignals signals(*made.run, StopSignals::First::stops_at_once);
    if (made.run->run().outcome != Report::Outcome::done) throw Stopped();
    return seen;
  }

  static void say(const std::string& who, const Deviation& deviation) {
    const Fingerprints::Key& k = deviation.key;
    fmt::print("{}: node '{}', port '{}'{} is the first to {}, in step {}, images from {}{}\n", who, k.node,
               k.port, k.task == k.node ? "" : fmt::format(" of the task '{}'", k.task),
               deviation.missing ? "be there in one run only" : "differ", k.step + 1, k.position,
               k.iteration > 0 ? fmt::format(", iteration {}", k.iteration) : "");
  }

  const TypedPipeline& pipeline_;
  const int steps_;
  const std::vector<int>& threads_;
};

}  // namespace

int verify_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline verify"};
  TypedPipeline pipeline;
  int steps = 3;
  std::vector<int> threads = {1, 2, 4}, ranks;
  pipeline.declare(arguments);
  arguments.option("--steps", steps, "of training; a pipeline that trains nothing runs as a whole")
      .shows_default()
      .between(1, 1000000);
  arguments.option("--threads", threads, "how many in each run")
      .separated_by(',')
      .shows_default()
      .between(1, 1024);
  arguments.option("--ranks", ranks, "processes in each run, with mpirun, instead of threads")
      .separated_by(',')
      .between(1, 4096);
  return run_command(arguments, argc, argv, [&]() -> int {
    if (ranks.size() == 1)
      throw UserError({"command line"}, "--ranks needs two numbers to compare, like 1,2");
    if (!ranks.empty()) {
      listen_for_stop();
      return RankRuns(pipeline, as_typed(argc, argv), steps, ranks).compare();
    }
    if (threads.size() < 2)
      throw UserError({"command line"}, "--threads needs two numbers to compare, like 1,2");
    listen_for_stop();
    return ThreadRuns(pipeline, steps, threads).compare();
  });
}

}  // namespace dagfusion
