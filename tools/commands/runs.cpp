// run-pipeline runs [DIR]: the runs below a folder, with how far each has come.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "nodes/files/picture_list.h"
#include "tools/commands/commands.h"
#include "tools/launch/resume.h"
#include "tools/report/run_facts.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

// Of all folders; what lies inside a run is its own.
void find_runs(const fs::path& folder, std::vector<fs::path>& found) {
  std::vector<fs::path> below;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    if (at->is_directory(gone) && !at->is_symlink(gone)) below.push_back(at->path());
  }
  std::sort(below.begin(), below.end(),
            [](const fs::path& a, const fs::path& b) { return natural_less(a.string(), b.string()); });
  for (const fs::path& one : below) is_run(one) ? found.push_back(one) : find_runs(one, found);
}

std::string steps_in_words(const RunFacts& facts) {
  return facts.all_steps > 0 ? fmt::format("{}/{}", facts.steps, facts.all_steps) : "";
}

std::string as_table(const std::vector<RunFacts>& runs) {
  std::size_t width = 3;
  for (const RunFacts& facts : runs) width = std::max(width, printable(facts.path.string()).size());
  std::string text = fmt::format("{:<{}}  {:<7}  {:>15}  {:>10}  {:>14}  {:>10}\n", "run", width, "state",
                                 "steps", "last loss", "time", "size");
  for (const RunFacts& facts : runs)
    text += fmt::format(
        "{:<{}}  {:<7}  {:>15}  {:>10}  {:>14}  {:>10}\n", printable(facts.path.string()), width,
        name_of(facts.status), steps_in_words(facts), facts.loss ? fmt::format("{:.4g}", *facts.loss) : "",
        facts.seconds > 0 ? in_words(facts.seconds) : "", bytes_in_words(static_cast<double>(facts.bytes)));
  return text;
}

}  // namespace

int runs_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline runs"};
  std::string folder = kStandardOutput;
  bool json = false;
  arguments.option("folder", folder, "where to look").shows_default();
  arguments.flag("--json", json, "one object for each run, in a list");
  return run_command(arguments, argc, argv, [&]() -> int {
    if (!fs::is_directory(folder))
      throw UserError({"command line"}, fmt::format("there is no folder '{}'", folder));
    std::vector<fs::path> found;
    is_run(folder) ? found.push_back(folder) : find_runs(folder, found);
    if (found.empty()) throw UserError({"command line"}, fmt::format("there are no runs below '{}'", folder));
    std::vector<RunFacts> runs;
    std::vector<Fault> unreadable;
    for (const fs::path& run : found) {
      try {
        runs.push_back(read_run_facts(run));
      } catch (const UserError& e) {
        unreadable.push_back(e.faults().front());
      }
    }
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const RunFacts& facts : runs) list.push_back(facts_json(facts));
    fmt::print("{}", json ? list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                          : as_table(runs));
    if (!unreadable.empty()) throw UserError(unreadable);
    return kDone;
  });
}

}  // namespace dagfusion
