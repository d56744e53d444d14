// run-pipeline bench FILE: how fast a pipeline is, and how much of the cores' float32 peak it uses.
#include <fmt/format.h>

#include <filesystem>
#include <opencv2/core/utility.hpp>

#include "tools/bench/allocations.h"
#include "tools/bench/report.h"
#include "tools/bench/together.h"
#include "tools/commands/commands.h"
#include "tools/commands/typed_ranks.h"
#include "tools/launch/scratch.h"
#include "tools/launch/stop_signals.h"

namespace dagfusion {

namespace {

int bench_alone(const Invocation& request, double seconds, bool scaling, bool json) {
  restart_to_count_allocations();
  listen_for_stop();
  const Scratch scratch("bench");
  const Measurement all = measure(request, seconds, scratch.path());
  std::optional<Scaling> others;
  if (scaling) others = measure_scaling(request, seconds, scratch.path());
  if (json) {
    fmt::print("{}\n", measurement_json(all, others));
  } else {
    say_measurement(all);
    if (others) say_scaling(*others);
  }
  return kDone;
}

int bench_together(Invocation request, Cluster& cluster, double seconds, bool json) {
  request.cluster = &cluster;
  const MeasuredTogether all = measure_together(request, seconds);
  if (!cluster.first()) return kDone;
  if (json)
    fmt::print("{}\n", together_json(all));
  else
    say_together(all);
  return kDone;
}

}  // namespace

int bench_command(int argc, char** argv, const Command& about) {
  Arguments arguments{
      about.help() +
          "\n\nMeasures a pipeline that trains or draws. Every 0.3 s all its threads stop between two tasks "
          "and run "
          "a loop of fused "
          "multiply-adds, whose speed is the peak that the pipeline is compared with. Nothing is kept on the "
          "disk.",
      "run-pipeline bench"};
  TypedPipeline pipeline;
  double seconds = 10;
  bool json = false, scaling = false;
  int threads = 0;
  pipeline.declare(arguments);
  arguments.option("--seconds", seconds, "how long to measure at least; training: whole steps")
      .shows_default()
      .between(0.1, 86400.0);
  arguments.option("--threads", threads, "threads; the cores of this process otherwise").between(1, 1024);
  arguments.flag("--scaling", scaling,
                 "measures one thread too, in turns with all, and says what the others add");
  arguments.flag("--json", json, "prints one JSON object");
  TypedRanks ranks;
  ranks.declare(arguments);
  return run_command(arguments, argc, argv, [&]() -> int {
    const bool together = ranks.to_be_started() || launched_processes() > 1;
    if (together && scaling)
      throw UserError({"command line"}, "--scaling compares threads of one process; leave out --ranks");
    if (ranks.to_be_started()) {
      std::vector<std::string> command = command_of_a_rank(argc, argv);
      command.insert(command.begin() + 1, "bench");
      return ranks.start(command);
    }
    Invocation request = pipeline.invocation();
    request.threads = threads;
    request.patience = ranks.patience;
    cv::setNumThreads(1);
    if (!together) return bench_alone(request, seconds, scaling, json);
    listen_for_stop();
    return on_each_rank("run-pipeline bench", join_ranks(ranks.patience),
                        [&](Cluster& cluster) { return bench_together(request, cluster, seconds, json); });
  });
}

}  // namespace dagfusion
