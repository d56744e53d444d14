// What may change between a run and its continuation, and what may not.
#pragma once

#include <filesystem>
#include <string>

#include "graph/check.h"
#include "nodes/files/checkpoint_files.h"

namespace dagfusion {

// The run that a user names, by its directory or, for the newest one, by the directory above; with `fork`
// also one of its checkpoints.
std::filesystem::path named_run(const std::filesystem::path& given, bool fork);

// The newest run below run.output of this file.
std::filesystem::path newest_run(const Tree& file);

// Threads, lanes, frames_in_flight, steps, output, variables, `doc`, sinks, and `every` of what does not
// train may differ. A UserError lists the rest.
void refuse_changes(const Tree& before, const Tree& now, const std::filesystem::path& run);

// What the shapes, the machine and the data sets decide: micro_batch, precision, instruction set,
// fingerprints.
void refuse_other_conditions(const CheckpointFacts&, const Checked&, const std::string& instruction_set);

}  // namespace dagfusion
