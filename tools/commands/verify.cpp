// run-pipeline verify FILE: runs it several times,
// on other numbers of threads, and compares every value bit for bit.
#include <fmt/format.h>

#include <filesystem>

#include "graph/document/number.h"
#include "tools/commands/commands.h"
#include "tools/launch/scratch.h"
#include "tools/launch/stop_signals.h"
#include "tools/observe/fingerprints.h"

namespace dagfusion {

namespace {

std::string thread_text(int threads) { return counted(threads, "thread"); }

}  // namespace

int verify_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline verify"};
  TypedPipeline pipeline;
  int steps = 3;
  std::vector<int> threads = {1, 2, 4};
  pipeline.declare(arguments);
  arguments.option("--steps", steps, "of training; a pipeline that trains nothing runs as a whole")
      .shows_default()
      .between(1, 1000000);
  arguments.option("--threads", threads, "how many in each run")
      .separated_by(',')
      .shows_default()
      .between(1, 1024);
  return run_command(arguments, argc, argv, [&]() -> int {
    if (threads.size() < 2)
      throw UserError({"command line"}, "--threads needs two numbers to compare, like 1,2");
    listen_for_stop();
    std::unique_ptr<Fingerprints> first;
    for (const int n : threads) {
      const Scratch scratch("verify");
      auto seen = std::make_unique<Fingerprints>();
      Invocation request = pipeline.invocation();
      request.threads = n;
      request.observer = seen.get();
      request.adapt = [&](Checked& checked) {
        checked.run.output = scratch.path().string();
        checked.run.steps = std::min<std::int64_t>(checked.run.steps, steps);
      };
      const Launch made = launch(request);
      const StopSignals signals(*made.run, StopSignals::First::stops_at_once);
      if (made.run->run().outcome != Report::Outcome::done) throw Stopped();
      if (!first) {
        first = std::move(seen);
        fmt::print("{}: {}\n", thread_text(n),
                   counted(static_cast<std::int64_t>(first->values().size()), "value"));
        continue;
      }
      const auto deviation = first_deviation(*first, *seen);
      if (!deviation) {
        fmt::print("{}: the same bits\n", thread_text(n));
        continue;
      }
      const Fingerprints::Key& k = deviation->key;
      fmt::print("{}: node '{}', port '{}'{} is the first to {}, in step {}, images from {}{}\n",
                 thread_text(n), k.node, k.port,
                 k.task == k.node ? "" : fmt::format(" of the task '{}'", k.task),
                 deviation->missing ? "be there in one run only" : "differ", k.step + 1, k.position,
                 k.iteration > 0 ? fmt::format(", iteration {}", k.iteration) : "");
      return kFailed;
    }
    return kDone;
  });
}

}  // namespace dagfusion
