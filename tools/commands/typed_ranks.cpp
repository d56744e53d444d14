#include "tools/commands/typed_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "graph/values/what_of.h"
#include "tools/commands/command.h"
#include "tools/launch/stop_signals.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

constexpr std::array kForTheLauncher = {"--ranks", "--hosts", "--interface"};

}  // namespace

void TypedRanks::declare(Arguments& arguments) {
  arguments
      .option("--ranks", count,
              "processes that share the run, started with mpirun; the weights are the same bits")
      .between(1, 4096);
  const Argument hosts =
      arguments.option("--hosts", placement.hosts, "with --ranks: where, like a,b; this machine otherwise")
          .shown_as("LIST");
  arguments
      .option("--interface", placement.network,
              "with --hosts: the network between them, like eth0 or 10.0.0.0/8, where they have several")
      .shown_as("NAME")
      .needs(hosts);
  arguments
      .option("--rank-named", patience.named,
              "seconds without a sign of life after which a rank is named; run.rank_named otherwise")
      .between(1.0, 1e6);
  arguments
      .option("--rank-ended", patience.ended,
              "seconds without a sign of life after which all ranks are ended; run.rank_ended otherwise")
      .between(1.0, 1e6);
}

int TypedRanks::start(const std::vector<std::string>& command) const {
  return launch_ranks(count, placement, command);
}

std::vector<std::string> command_of_a_rank(int argc, char** argv) {
  std::vector<std::string> command = {std::filesystem::read_symlink("/proc/self/exe").string()};
  for (int a = 1; a < argc; ++a) {
    const std::string text = argv[a];
    const auto is = [&](const std::string& option) { return text == option; };
    const auto begins = [&](const std::string& option) { return text.starts_with(option + "="); };
    if (std::any_of(kForTheLauncher.begin(), kForTheLauncher.end(), is))
      ++a;
    else if (std::none_of(kForTheLauncher.begin(), kForTheLauncher.end(), begins))
      command.push_back(text);
  }
  return command;
}

int on_each_rank(const std::string& name, std::unique_ptr<Cluster> cluster,
                 const std::function<int(Cluster&)>& work) {
  bool together = false;
  const int exit = guarded(name, [&] {
    try {
      const int ended = work(*cluster);
      together = ended != kAborted;
      return ended;
    } catch (const Agreed& e) {
      together = true;
      if (!cluster->first()) return static_cast<int>(kDone);
      fmt::print(stderr, "{}\n", printable(e.what()));
      return e.exit();
    } catch (const Stopped&) {
      if (cluster->first()) cluster->end_all(kStopped);
      throw;
    } catch (const std::exception& e) {
      if (!cluster->first()) cluster->fail(what_of(e));
      throw;
    }
  });
  if (together) cluster->leave();
  return exit;
}

}  // namespace dagfusion
