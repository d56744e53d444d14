// What may change between a run and its continuation, and what may not.
#pragma once

#include <filesystem>
#include <string>

#include "graph/check.h"
#include "nodes/files/checkpoint_files.h"

namespace dagfusion {

// `given`, or the newest run below run.output of this file.
std::filesystem::path run_to_resume(const Tree& file, const std::string& given);

// Threads, lanes, frames_in_flight, steps, output, variables, `every`, `keep`, `doc` and sinks may differ. A UserError lists the rest.
void refuse_changes(const Tree& before, const Tree& now, const std::filesystem::path& run);

// What the shapes, the machine and the data sets decide: micro_batch, precision, instruction set, fingerprints.
void refuse_other_conditions(const CheckpointFacts&, const Checked&, const std::string& instruction_set);

}  // namespace dagfusion
