// run-pipeline bench FILE: how fast a pipeline is, and how much of the cores' float32 peak it uses.
#include <fmt/format.h>

#include <filesystem>
#include <opencv2/core/utility.hpp>

#include "tools/bench/allocations.h"
#include "tools/bench/report.h"
#include "tools/commands/commands.h"
#include "tools/launch/scratch.h"
#include "tools/launch/stop_signals.h"

namespace dagfusion {

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
  return run_command(arguments, argc, argv, [&] {
    restart_to_count_allocations();
    listen_for_stop();
    Invocation request = pipeline.invocation();
    request.threads = threads;
    cv::setNumThreads(1);
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
  });
}

}  // namespace dagfusion
