// How many processes share a run, and where; as typed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/cluster/cluster.h"
#include "tools/commands/arguments.h"
#include "tools/launch/ranks.h"

namespace dagfusion {

struct TypedRanks {
  int count = 1;
  Placement placement;
  Patience patience{.named = 0, .ended = 0};  // 0: not typed

  void declare(Arguments&);
  // To be started by this process, and not by a launcher already.
  bool to_be_started() const { return count > 1 && launched_processes() == 1; }
  // Starts them with what was typed; their exit code.
  int start(const std::vector<std::string>& command) const;
};

// The program and what was typed behind it, without the options that are for the launcher.
std::vector<std::string> command_of_a_rank(int argc, char** argv);

// work() on each of them. What the first rank says at the end is for all; the others end before it, and with 0. Whoever
// ends without the others having come to the same end ends them.
int on_each_rank(const std::string& name, std::unique_ptr<Cluster>, const std::function<int(Cluster&)>& work);

}  // namespace dagfusion
