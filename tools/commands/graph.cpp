// run-pipeline graph FILE: the pipeline as a picture, for Graphviz,
// for a browser, or as one page that needs no network.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tools/commands/commands.h"
#include "tools/launch/scratch.h"
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

struct Level {
  std::string title, svg;
};

// One level is seen at a time, `shown` at first.
std::string page_of(const std::vector<Level>& levels, std::size_t shown, const std::string& title) {
  std::string pictures, choices;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const bool first = i == shown;
    pictures += fmt::format("<div{}>{}</div>\n", first ? "" : " hidden", levels[i].svg);
    choices += fmt::format("<option{}>{}</option>", first ? " selected" : "", levels[i].title);
  }
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title +
         "</title>\n<style>html,body{margin:0;height:100%;background:#fff;font:13px sans-serif}\n"
         "svg{width:100vw;height:100vh;display:block;cursor:grab}\n"
         "select{position:fixed;left:12px;top:12px;font:inherit;padding:4px}\n"
         "p{position:fixed;left:12px;bottom:4px;color:#777}</style></head>\n<body>\n" +
         pictures + "<select title=\"how much of what is inside composites\">" + choices +
         "</select>\n<p>wheel: zoom, drag: move, double click: all, + and -: more and less of what is "
         "inside</p>\n"
         "<script>\n"
         "const levels = [...document.querySelectorAll('div')].map(div => {\n"
         "  const svg = div.querySelector('svg'), all = svg.getAttribute('viewBox').split(' ').map(Number);\n"
         "  let view = [...all];\n"
         "  const show = () => svg.setAttribute('viewBox', view.join(' '));\n"
         "  const scale = () => Math.max(view[2] / svg.clientWidth, view[3] / svg.clientHeight);\n"
         "  svg.removeAttribute('width'); svg.removeAttribute('height');\n"
         "  svg.addEventListener('wheel', e => {\n"
         "    e.preventDefault();\n"
         "    const f = Math.exp(e.deltaY / 500), s = scale();\n"
         "    const x = view[0] + view[2] / 2 + (e.clientX - svg.clientWidth / 2) * s;\n"
         "    const y = view[1] + view[3] / 2 + (e.clientY - svg.clientHeight / 2) * s;\n"
         "    view = [x - (x - view[0]) * f, y - (y - view[1]) * f, view[2] * f, view[3] * f];\n"
         "    show();\n"
         "  }, {passive: false});\n"
         "  svg.addEventListener('pointermove', e => {\n"
         "    if (!(e.buttons & 1)) return;\n"
         "    const s = scale();\n"
         "    view[0] -= e.movementX * s; view[1] -= e.movementY * s;\n"
         "    show();\n"
         "  });\n"
         "  svg.addEventListener('dblclick', () => { view = [...all]; show(); });\n"
         "  return div;\n"
         "});\n"
         "const chosen = document.querySelector('select');\n"
         "const choose = i => {\n"
         "  if (i < 0 || i >= levels.length) return;\n"
         "  chosen.selectedIndex = i;\n"
         "  levels.forEach((div, j) => div.hidden = j !== i);\n"
         "};\n"
         "chosen.addEventListener('change', () => { choose(chosen.selectedIndex); chosen.blur(); });\n"
         "addEventListener('keydown', e => {\n"
         "  if (e.key === '+') choose(chosen.selectedIndex + 1);\n"
         "  if (e.key === '-') choose(chosen.selectedIndex - 1);\n"
         "});\n"
         "</script></body></html>\n";
}

// The picture at every depth, and last with the backward pass.
std::string page_of(const Planned& planned, const Tree& file, DrawingOptions options,
                    const std::string& title) {
  std::vector<Level> levels;
  const int most = deepest(planned.checked);
  const std::size_t shown = options.expand ? most + 1 : options.depth;
  options.expand = false;
  for (options.depth = 0; options.depth <= most; ++options.depth)
    levels.push_back({options.depth == 0 ? "what the file names" : fmt::format("{} deeper", options.depth),
                      svg_of(drawing(planned, file, options))});
  options.expand = true;
  levels.push_back({"every layer and the backward pass", svg_of(drawing(planned, file, options))});
  return page_of(levels, shown, title);
}

}  // namespace

int graph_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline graph"};
  TypedPipeline pipeline;
  std::string format = "dot", output, run;
  DrawingOptions options;
  pipeline.declare(arguments);
  arguments.option("--format", format, "dot, svg or html (one page with all depths, zoomed by the wheel)")
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
      text = page_of(planned, file, options, pipeline.file);
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
