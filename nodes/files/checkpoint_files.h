// Checkpoints on the disk: <run>/checkpoints/step-NNNNNN/ holds
//   weights.safetensors         the live weights, by path, in PyTorch's order
//   <node's path>.safetensors   for every node with a state; '/' is written '.'
//   pipeline.yaml, state.json   what was run, and the facts that a resumed run must share
//   MANIFEST                    sizes and checksums (nodes/files/manifest.h)
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "graph/document/document.h"
#include "graph/run/run_state.h"
#include "graph/types/node.h"

namespace dagfusion {

// With what its state.json says.
struct CheckpointFacts : RunState {
  std::filesystem::path directory;
  std::vector<std::string> files;  // all but MANIFEST
  Tree pipeline;
};

// Writes the checkpoint of `step` below run.directory(): everything into a neighbour first, then renamed,
// then read back. Equal runs write equal bytes. Returns its directory; throws std::runtime_error.
std::filesystem::path write_checkpoint(RunInfo& run, std::int64_t step);

// Writes a checkpoint of weights that come from elsewhere, as live ones and as the average "ema", below `run`.
std::filesystem::path write_imported_checkpoint(const std::filesystem::path& run,
                                                const std::vector<StateTensor>& weights,
                                                const std::string& pipeline, const RunState&);

// The file that holds the weights of one kind: "live", or the path of a weight_average. A UserError when there is none;
// "" as `which`: the average "ema", or the live ones where there is none.
std::filesystem::path weights_file(const CheckpointFacts&, const std::string& which);

// Bytes that a checkpoint takes on the disk, at most.
std::uint64_t checkpoint_bytes(RunInfo& run);

// Removes all but the newest `keep` of those up to `step`, and what could not be removed before. Returns, of
// each that stays, its path and why.
std::vector<std::string> remove_old_checkpoints(const std::filesystem::path& run, std::int64_t step,
                                                std::int64_t keep);

// Removes what a killed process may have left half written or half removed. Nobody else may be in the run.
void remove_unfinished_checkpoints(const std::filesystem::path& run);

// A checkpoint, or the newest whole one of a run directory, or of the newest numbered run below that has one.
// Damaged ones are passed over, each with a line that says why.
// A UserError says where it looked when there is none.
CheckpointFacts open_checkpoint(const std::filesystem::path& run_or_checkpoint,
                                std::vector<std::string>& passed_over);

// Live weights, their packed copies, and the state of every node. A UserError lists all that does not fit;
// then nothing has been changed.
void restore(const CheckpointFacts&, RunInfo&);

// A model of a checkpoint, and what it is called here: "model", or by its name in `models`.
struct SavedModel {
  CheckpointFacts facts;
  std::string which;  // of its weights: "live", or the path of a weight_average
  std::string section = "model";
};

// The weights of the models, and their packed copies. What the training had beside its models is left out.
void load_weights(const std::vector<SavedModel>&, const WeightTable&, WeightValues&);
void load_weights(const CheckpointFacts&, const std::string& which, const WeightTable&, WeightValues&);

}  // namespace dagfusion
