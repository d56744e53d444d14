// What a launch knows before anything is made. Private to tools/launch.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nodes/files/checkpoint_files.h"
#include "tools/launch/launch.h"

namespace dagfusion {

struct Prepared {
  Tree file;                                              // variables substituted
  std::optional<std::filesystem::path> resumed;           // the run that goes on
  std::vector<std::filesystem::path> without_checkpoint;  // newer ones
  std::optional<RunDirectory> directory;                  // the same, locked
  std::optional<CheckpointFacts> checkpoint;              // where it goes on
  std::map<std::string, CheckpointFacts> models;          // opened for `model: {from: …}`, by that
  std::vector<std::string> plugins;                       // plugin_checksums(), of those the check has loaded
  std::vector<std::string> notes;
};

// `lock`: the run that goes on is this process's from here on.
Prepared prepare(const Invocation&, bool lock);
// check and plan: the rest of what can be known before a run.
Planned plan_prepared(Prepared&, int ranks = 1, int threads = 0);  // 0: the cores of this process
// The file as the run directory keeps it.
Tree kept(const Tree& file);
// What the bits of a result depend on: the instruction sets of oneDNN's primitives and of our kernels.
std::string arithmetic();

// A launch from there on.
Launch launch_prepared(const Invocation&, Prepared);

}  // namespace dagfusion
