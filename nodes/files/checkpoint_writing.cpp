#include <fmt/format.h>

#include <stdexcept>

#include "graph/types/gathers.h"
#include "graph/values/step_name.h"
#include "nodes/files/checkpoint_files.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/files/durable.h"
#include "nodes/files/manifest.h"
#include "nodes/files/safetensors.h"
#include "nodes/files/weight_state.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRemoved = ".removed";

struct File {
  std::string name;
  std::vector<StateTensor> tensors;
  Metadata metadata;
};

std::vector<File> files_of(RunInfo& run) {
  std::vector<File> files;
  files.push_back({kLiveWeights, weight_states(run.weights(), run.values().values()), {{kHolds, kWeights}}});
  for (const RunInfo::Stateful& stateful : run.stateful()) {
    const bool averages = dynamic_cast<WeightSource*>(stateful.node) != nullptr;
    const bool spare = dynamic_cast<const Gathers*>(stateful.node) != nullptr;
    const char* holds = averages ? kWeights : spare ? kSpareState : kState;
    files.push_back(
        {state_file(stateful.path), stateful.node->state(), {{kHolds, holds}, {kNode, stateful.path}}});
  }
  return files;
}

ManifestEntry write_text(const fs::path& directory, const std::string& name, const std::string& text) {
  DurableFile file(directory / name);
  file.write(text);
  file.close();
  return {name, file.bytes(), file.crc32c()};
}

void write_files(const std::vector<File>& files, const std::string& pipeline, const std::string& state,
                 const fs::path& directory) {
  std::vector<ManifestEntry> entries;
  for (const File& file : files) {
    const WrittenFile written = write_safetensors(directory / file.name, file.tensors, file.metadata);
    entries.push_back({file.name, written.bytes, written.crc32c});
  }
  entries.push_back(write_text(directory, kPipeline, pipeline));
  entries.push_back(write_text(directory, kFacts, state));
  write_text(directory, kManifest, manifest_text(entries));
  sync_directory(directory);
}

std::uint64_t bytes_of(const std::vector<File>& files, const std::string& pipeline,
                       const std::string& state) {
  constexpr std::uint64_t kAround = 1 << 20;  // room for what is around the values
  std::uint64_t bytes = pipeline.size() + state.size() + kAround;
  for (const File& file : files) bytes += safetensors_bytes(file.tensors, file.metadata);
  return bytes;
}

void require_directory(const RunInfo& run) {
  if (!run.directory().empty() && !fs::is_directory(run.directory()))
    throw std::runtime_error(fmt::format("the run directory '{}' is gone", run.directory().string()));
}

// Those that go, oldest last: under their own names, or renamed by an earlier try.
std::vector<fs::path> old_checkpoints(const fs::path& run, std::int64_t step, std::int64_t keep) {
  std::vector<fs::path> old;
  std::int64_t kept = 0;
  for (const auto& [number, directory] : steps_below(run / kCheckpoints))
    if (number <= step && ++kept > keep) old.push_back(directory);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run / kCheckpoints, ignored))
    if (entry.path().extension() == kRemoved) old.push_back(entry.path());
  return old;
}

// Never leaves a half of one under its own name; then `directory` says where the rest is.
void remove_checkpoint(fs::path& directory, std::error_code& error) {
  if (directory.extension() != kRemoved) {
    const fs::path gone = fs::path(directory) += kRemoved;
    fs::rename(directory, gone, error);
    if (error) return;
    directory = gone;
  }
  fs::remove_all(directory, error);
}

}  // namespace

std::uint64_t checkpoint_bytes(RunInfo& run) {
  return bytes_of(files_of(run), run.resolved_yaml(), run.state_json());
}

fs::path write_checkpoint(RunInfo& run, std::int64_t step) {
  const fs::path parent = run.directory() / kCheckpoints;
  const fs::path directory = parent / step_name(step);
  const fs::path partial = parent / (step_name(step) + ".partial");
  const fs::path replaced = parent / (step_name(step) + ".replaced");

  const std::vector<File> files = files_of(run);
  const std::string pipeline = run.resolved_yaml(), state = run.state_json();
  if (read_run_state(state).step != step) throw std::logic_error("state.json is of another step");

  require_directory(run);
  fs::create_directories(parent);
  fs::remove_all(partial);
  require_space(parent, bytes_of(files, pipeline, state),
                steps_below(parent).empty() ? "make room and start again" : "make room and resume");
  try {
    fs::create_directory(partial);
    write_files(files, pipeline, state, partial);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);  // on a full disk its space is needed
    require_directory(run);            // moved away meanwhile: that is what there is to say
    throw;
  }

  fs::remove_all(replaced);
  if (fs::exists(directory))
    fs::rename(directory, replaced);  // left by a run that was taken up from before it
  fs::rename(partial, directory);
  sync_directory(parent);
  verify_manifest(directory);
  std::error_code ignored;
  fs::remove_all(replaced, ignored);
  return directory;
}

fs::path write_imported_checkpoint(const fs::path& run, const std::vector<StateTensor>& weights,
                                   const std::string& pipeline, const RunState& state) {
  const fs::path parent = run / kCheckpoints, directory = parent / step_name(state.step);
  const fs::path partial = parent / (step_name(state.step) + ".partial");
  const std::vector<File> files = {{kLiveWeights, weights, {{kHolds, kWeights}}},
                                   {state_file("ema"), weights, {{kHolds, kWeights}, {kNode, "ema"}}}};
  fs::create_directories(partial);
  require_space(partial, bytes_of(files, pipeline, to_json(state)), "make room and import again");
  write_files(files, pipeline, to_json(state), partial);
  fs::rename(partial, directory);
  sync_directory(parent);
  verify_manifest(directory);
  return directory;
}

std::vector<std::string> remove_old_checkpoints(const fs::path& run, std::int64_t step, std::int64_t keep) {
  std::vector<std::string> stay;
  for (fs::path& old : old_checkpoints(run, step, keep)) {
    std::error_code error;
    remove_checkpoint(old, error);
    if (error) stay.push_back(fmt::format("'{}': {}", old.string(), error.message()));
  }
  return stay;
}

void remove_unfinished_checkpoints(const fs::path& run) {
  std::error_code ignored;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(run / kCheckpoints, ignored)) {
    const std::string ending = entry.path().extension();
    if (ending == ".partial" || ending == ".replaced" || ending == kRemoved)
      unfinished.push_back(entry.path());
  }
  for (const fs::path& path : unfinished) fs::remove_all(path, ignored);
}

}  // namespace dagfusion
