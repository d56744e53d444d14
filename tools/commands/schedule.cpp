// run-pipeline schedule FILE: the noise process of a pipeline as a table, as CSV, and as a picture.
#include <fmt/format.h>

#include "nodes/files/durable.h"
#include "tools/commands/commands.h"
#include "tools/show/noise_curves.h"

namespace dagfusion {

namespace {

// Of the section in the file; without one, of the checkpoint that the model comes from.
std::shared_ptr<Resource> diffusion_of(const Invocation& invocation) {
  const Tree file = read_file(invocation);
  const Tree* section = file.find("diffusion");
  if (!section) {
    const Planned planned = plan_file(invocation);
    const auto made = planned.checked.resources.find("diffusion");
    if (made == planned.checked.resources.end())
      throw UserError(file.where, "no section 'diffusion' here, and no model from a checkpoint that has one");
    return made->second;
  }
  const Catalog catalog = invocation.plugins.types();
  std::vector<Fault> faults;
  const SectionType& type = *catalog.section("diffusion");
  const Parameters given = Parameters::read(*section, type.parameters, {}, "section 'diffusion'", faults);
  if (!faults.empty()) throw UserError(std::move(faults));
  return type.create(given);
}

}  // namespace

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
    const std::shared_ptr<Resource> made = diffusion_of(invocation);
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
