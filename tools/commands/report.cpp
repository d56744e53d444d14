// run-pipeline report RUN...: one page with all that can be seen of a run, or of several over each other.
#include <fmt/format.h>

#include "nodes/files/durable.h"
#include "tools/commands/commands.h"
#include "tools/report/live_report.h"
#include "tools/report/page.h"
#include "tools/report/run_facts.h"
#include "tools/report/run_views.h"

namespace dagfusion {

int report_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline report"};
  std::vector<std::string> typed;
  std::string output;
  TypedPlugins plugins;
  arguments
      .option("runs", typed,
              "run directories, finished, stopped or running; a folder of runs means its newest")
      .required();
  arguments.option("--output", output, "the page; report.html in the run, or here when there are several")
      .shown_as("FILE");
  declare_plugins(arguments, plugins);
  return run_command(arguments, argc, argv, [&]() -> int {
    std::vector<std::filesystem::path> runs;
    for (const std::string& one : typed) runs.push_back(find_run(one));
    std::vector<RunView> made;
    std::vector<PipelineView> views;
    for (const auto& run : runs) views.push_back(made.emplace_back(run, plugins).view());
    const std::filesystem::path page = !output.empty()    ? std::filesystem::path(output)
                                       : runs.size() == 1 ? runs.front() / kReport
                                                          : std::filesystem::path(kReport);
    replace_file(page, report_page(runs, views));
    fmt::print("report: {}\n", page.string());
    return kDone;
  });
}

}  // namespace dagfusion
