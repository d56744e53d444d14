// run-pipeline plan FILE: the tasks of a frame, memory, and what more cores or processes would bring.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/commands/commands.h"
#include "tools/plan/on_more_cores.h"
#include "tools/plan/on_more_ranks.h"
#include "tools/plan/tasks.h"

namespace dagfusion {

int plan_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline plan"};
  TypedPipeline pipeline;
  bool json = false, tasks = false, slots = false;
  OnMoreRanks::Question ranks;
  std::vector<int> cores;
  std::string times;
  pipeline.declare(arguments);
  arguments.flag("--tasks", tasks, "a line for every task; otherwise neighbours below one node share a line");
  arguments.flag("--slots", slots, "also the memory of every value");
  arguments.flag("--json", json, "one JSON object with all of it");
  arguments.option("--ranks", ranks.ranks, "what so many processes that share the training give each other")
      .between(1, 4096);
  arguments.option("--network", ranks.network, "between them").among(names_of_networks()).shows_default();
  arguments.option("--rate", ranks.rate, "images/s that one of them trains, as its runs say")
      .between(1e-3, 1e9);
  arguments.option("--cores", cores, "how fast so many would train, by the times that --times has")
      .separated_by(',')
      .between(1, 4096);
  arguments.option("--times", times, "what `bench FILE --json` wrote");
  return run_command(arguments, argc, argv, [&]() -> int {
    const bool asks_for_more = !cores.empty() || ranks.ranks > 1;
    if (times.empty() ? !cores.empty() : !asks_for_more)
      throw UserError(
          {"command line"},
          "--cores needs --times, and --times is for --cores or --ranks: `run-pipeline bench FILE --json > "
          "times.json`, then `plan FILE --cores 16,64 --times times.json`");
    ranks.times = times;
    const Planned planned = plan_file(pipeline.invocation(), ranks.ranks);
    const PlannedTasks all_tasks(planned);
    std::optional<OnMoreCores> more_cores;
    if (!cores.empty()) more_cores.emplace(planned, times, cores);
    std::optional<OnMoreRanks> more_ranks;
    if (ranks.ranks > 1) more_ranks.emplace(planned, ranks);
    if (json) {
      nlohmann::ordered_json all = all_tasks.json();
      if (more_cores) all["on_more_cores"] = more_cores->json();
      if (more_ranks) all["on_more_ranks"] = more_ranks->json();
      fmt::print("{}\n", all.dump(2));
    } else {
      all_tasks.say(tasks, slots);
      if (more_cores) more_cores->say();
      if (more_ranks) more_ranks->say();
    }
    return kDone;
  });
}

}  // namespace dagfusion
