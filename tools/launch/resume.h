// What may change between a run and its continuation, and what may not.
#pragma once

#include <filesystem>
#include <string>

#include "graph/check/check.h"
#include "nodes/files/checkpoint_files.h"

namespace dagfusion {

// A run to go on with.
struct FoundRun {
  std::filesystem::path run = {};                       // empty: there is none
  std::vector<std::filesystem::path> passed_over = {};  // newer ones, without a checkpoint
};

// The run that a user names, by its directory or, for the newest one, by the directory above; with `fork`
// also one of its checkpoints.
FoundRun named_run(const std::filesystem::path& given, bool fork);

// The newest run below run.output of this file that has a checkpoint, whole or damaged.
FoundRun newest_run(const Tree& file);

// Threads, lanes, frames_in_flight, rank_named, rank_ended, steps, output, variables, `doc`, where the data lie,
// and nodes that only write out may differ. A UserError lists the rest.
// Numbers are compared as numbers, and a default that is written out is no change.
void refuse_changes(const Tree& before, const Tree& now, const Catalog& types,
                    const std::filesystem::path& run);

// A line for every change of a section, such as the noise process: a fork may make it, and should know.
std::vector<std::string> changed_sections(const Tree& before, const Tree& now, const Catalog& types);

// Where a training puts its runs, unless run.output says otherwise.
inline constexpr const char* kStandardOutput = "runs";
std::filesystem::path output_of(const Tree& file);

// What the shapes, the machine, the data sets and the plugins decide:
// micro_batch, precision, instruction set, fingerprints, and the code of plugins.
void refuse_other_conditions(const CheckpointFacts&, const Checked&, const std::string& instruction_set,
                             const std::vector<std::string>& plugins);

// "libmy_nodes.so 3f1c2b8a": name and CRC32C of every library whose types are in.
std::vector<std::string> plugin_checksums(const Catalog&);

// A line for every plugin of the checkpoint that is there now with other code.
std::vector<std::string> rebuilt_plugins(const CheckpointFacts&, const std::vector<std::string>& now);

}  // namespace dagfusion
