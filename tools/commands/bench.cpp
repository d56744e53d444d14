// run-pipeline bench FILE: how fast a pipeline is, and how much of the cores' float32 peak it uses.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <opencv2/core/utility.hpp>

#include "tools/bench/report.h"
#include "tools/commands/commands.h"
#include "tools/launch/scratch.h"
#include "tools/show/faults.h"

namespace dagfusion {

namespace {

extern "C" void on_bench_signal(int) {
  if (bench_interrupted.exchange(true)) std::_Exit(130);
}

}  // namespace

int bench_command(int argc, char** argv, const Command& about) {
  CLI::App app{
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
  pipeline.declare(app);
  app.footer(exit_codes_text());
  app.add_option("--seconds", seconds, "how long to measure at least; training: whole steps")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86400.0));
  app.add_option("--threads", threads, "threads; the cores of this process otherwise")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--scaling", scaling,
               "measures one thread too, in turns with all, and says what the others add");
  app.add_flag("--json", json, "prints one JSON object");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  Invocation request = pipeline.invocation();
  request.threads = threads;
  cv::setNumThreads(1);
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, on_bench_signal);
  try {
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
    return 0;
  } catch (const UserError& e) {
    fmt::print(stderr, "{}\n", faults_text(e));
    return 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "run-pipeline bench: {}\n", e.what());
    return bench_interrupted ? 130 : 1;
  }
}

}  // namespace dagfusion
