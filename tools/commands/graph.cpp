// run-pipeline graph FILE: the pipeline as a picture, for Graphviz,
// for a browser, or as one page that needs no network.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/commands/commands.h"
#include "tools/launch/scratch.h"
#include "tools/report/graph_data.h"
#include "tools/report/page.h"
#include "tools/report/task_times.h"
#include "tools/show/drawing.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

std::map<std::string, double> read_times(const fs::path& run) {
  if (!fs::exists(run / "times.csv"))
    throw UserError({"command line"}, fmt::format("there is no {}; a run writes it when it ends",
                                                  (run / "times.csv").string()));
  std::map<std::string, double> seconds;
  for (const TaskTime& task : read_task_times(run)) seconds[task.name] += task.seconds;
  return seconds;
}

bool is_installed(const std::string& program) {
  std::istringstream folders(std::getenv("PATH") ? std::getenv("PATH") : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (access((fs::path(folder) / program).c_str(), X_OK) == 0) return true;
  return false;
}

// What Graphviz makes of it.
std::string svg_of(const std::string& dot) {
  if (!is_installed("dot"))
    throw UserError(
        {"command line"},
        "this format needs the program dot of Graphviz (Debian: apt-get install graphviz); --format "
        "dot does without");
  std::string name = (temporary_folder() / "dagfusion-graph-XXXXXX").string();
  const int file = mkstemp(name.data());
  if (file < 0)
    throw std::runtime_error(fmt::format("cannot make the file '{}': {}", name, std::strerror(errno)));
  close(file);
  std::ofstream(name) << dot;
  std::string svg;
  int status = -1;
  if (FILE* made = popen(fmt::format("dot -Tsvg '{}'", name).c_str(), "r")) {
    char part[4096];
    for (std::size_t n; (n = fread(part, 1, sizeof part, made)) > 0;) svg.append(part, n);
    status = pclose(made);
  }
  fs::remove(name);
  const std::size_t begin = svg.find("<svg");
  if (status != 0 || begin == std::string::npos) throw std::runtime_error("dot could not draw the graph");
  return svg;
}

// One page whose boxes fold and unfold in place; at first so many levels are open.
std::string html_of(const Planned& planned, const Tree& file, const std::vector<TaskTime>& times, int open,
                    const std::string& title) {
  const nlohmann::ordered_json data = {
      {"title", title}, {"open", open}, {"graph", graph_data(planned, file, times)}};
  return page_of(title, data, assets::report_css,
                 {assets::charts_js, assets::graph_js, assets::graph_page_js});
}

}  // namespace

int graph_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline graph"};
  TypedPipeline pipeline;
  std::string format = "dot", output, run;
  DrawingOptions options;
  pipeline.declare(arguments);
  arguments
      .option("--format", format,
              "dot, svg or html (a page on which boxes fold, unfold and tell what they are)")
      .among({"dot", "svg", "html"})
      .shows_default();
  const Argument expand =
      arguments.flag("--expand", options.expand, "every layer, what is inside loops, and the backward pass");
  arguments.option("--depth", options.depth, "so many levels of what is inside composites and loops")
      .shown_as("N")
      .between(0, 99)
      .excludes(expand);
  arguments.option("--with-timings", run, "colour by the time that a run of this pipeline took")
      .shown_as("RUN");
  arguments.option("--output", output, "file to write; otherwise to the screen").shown_as("FILE");
  return run_command(arguments, argc, argv, [&]() -> int {
    const Planned planned = plan_file(pipeline.invocation());
    if (!run.empty()) options.seconds = read_times(run);
    options.depth = std::min(options.depth, deepest(planned.checked));
    const Tree file = read_file(pipeline.invocation());
    std::string text;
    if (format == "html") {
      const int open = options.expand ? deepest(planned.checked) : options.depth;
      text = html_of(planned, file, run.empty() ? std::vector<TaskTime>() : read_task_times(run), open,
                     pipeline.file);
    } else {
      text = drawing(planned, file, options);
      if (format == "svg") text = svg_of(text);
    }
    if (output.empty()) {
      fmt::print("{}", text);
      return kDone;
    }
    std::ofstream written(output, std::ios::binary);
    written << text;
    written.close();
    if (!written) throw std::runtime_error(fmt::format("cannot write '{}'", output));
    return kDone;
  });
}

}  // namespace dagfusion
