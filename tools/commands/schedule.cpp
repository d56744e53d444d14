// run-pipeline schedule FILE: the noise process of a pipeline as a table, as CSV, and as a picture.
#include <fmt/format.h>

#include "nodes/files/durable.h"
#include "tools/commands/commands.h"
#include "tools/launch/noise_process_of.h"
#include "tools/show/noise_curves.h"

namespace dagfusion {

int schedule_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline schedule"};
  TypedPipeline pipeline;
  bool csv = false;
  std::string svg;
  int times = 0;
  pipeline.declare(arguments);
  arguments.flag("--csv", csv, "comma-separated, every timestep");
  arguments.option("--svg", svg, "a file to draw the curves into");
  arguments.option("--times", times, "how many times to show; 11 in the table, all in CSV when not given")
      .between(1, 1000000);
  return run_command(arguments, argc, argv, [&]() -> int {
    const Invocation invocation = pipeline.invocation();
    const std::shared_ptr<Resource> made = noise_process_of(invocation);
    const auto& process = dynamic_cast<const NoiseProcess&>(*made);
    fmt::print("{}", csv ? noise_csv(process, times) : noise_table(process, times ? times : 11));
    for (const std::string& warning : process.warnings()) fmt::print(stderr, "warning   {}\n", warning);
    if (!svg.empty()) {
      replace_file(svg, noise_curves_svg(process, invocation.file.filename().string()));
      if (!csv) fmt::print("curves in {}\n", svg);
    }
    return kDone;
  });
}

}  // namespace dagfusion
