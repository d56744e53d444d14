// From what the user typed to a run that is ready: files, overrides, checkpoints, run directories.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/cluster/cluster.h"
#include "graph/plan/plan.h"
#include "graph/run/run.h"
#include "nodes/files/run_directory.h"
#include "tools/launch/typed_plugins.h"

namespace dagfusion {

struct Invocation {
  std::filesystem::path file;  // empty: the one in the run that is resumed
  std::vector<Override> overrides;
  TypedPlugins plugins;
  std::optional<std::string> resume;  // a run directory; "" = the newest below run.output
  bool fork = false;                  // go on from the checkpoint in a new run, whatever has changed
  int threads = 0;
  std::function<void(Checked&)> adapt;        // changes settings of the run before it is made
  TaskObserver* observer = nullptr;           // see RunOptions
  Cluster* cluster = nullptr;                 // of the processes that share the run; null = one
  Patience patience{.named = 0, .ended = 0};  // with them, as typed; 0: as the file says
  std::int64_t first_frame = 0;               // see RunOptions
  std::optional<Tree> composed;  // instead of what `file` says: with everything it extends, before overrides
};

struct Launch {
  std::optional<RunDirectory> directory;  // locked while this lives
  std::unique_ptr<Run> run;
  std::vector<std::string> notes;  // shown before the run starts
  std::vector<Entry> sections;     // of the catalog: those of the file, or of the model's checkpoint
  bool saves = false;              // a node writes checkpoints
  std::int64_t first_step = 0;
  std::string finished = {};  // says that the run to go on with has done all its steps; then `run` is null
};

// As typed, or among the pipelines that were installed or built with this program.
std::filesystem::path find_pipeline(const std::filesystem::path& typed);

// With all that the file extends, the overrides, and the variables put in. Throws UserError.
Tree read_file(const Invocation&);

// From the file to its plan, with every fault that can be known by then; makes nothing on the disk. Throws UserError.
Planned plan_file(const Invocation&, int ranks = 1);

// The same, then the run directory and the run. Throws UserError.
Launch launch(const Invocation&);

}  // namespace dagfusion
