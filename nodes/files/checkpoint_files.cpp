#include "nodes/files/checkpoint_files.h"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <set>

#include "graph/document/near_path.h"
#include "graph/types/gathers.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/files/durable.h"
#include "nodes/files/manifest.h"
#include "nodes/files/run_directory.h"
#include "nodes/files/safetensors.h"
#include "nodes/files/weight_state.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

CheckpointFacts read_facts(const fs::path& directory) {
  const std::vector<std::string> files = verify_manifest(directory);
  CheckpointFacts facts{read_run_state(read_text(directory / kFacts))};
  facts.directory = directory;
  facts.files = files;
  facts.pipeline = read_document(directory / kPipeline);
  return facts;
}

// The newest whole checkpoint in <run>/checkpoints.
std::optional<CheckpointFacts> newest_of(const fs::path& run, std::vector<std::string>& passed_over) {
  for (const auto& [step, directory] : steps_below(run / kCheckpoints)) {
    try {
      return read_facts(directory);
    } catch (const std::bad_alloc&) {
      throw;  // says nothing about the files
    } catch (const std::exception& error) {
      passed_over.push_back(fmt::format("{}: {}", directory.string(), error.what()));
    }
  }
  return std::nullopt;
}

[[noreturn]] void refuse(const CheckpointFacts& facts, std::vector<std::string> problems) {
  constexpr std::size_t kMost = 20;
  std::vector<Fault> faults;
  for (std::size_t i = 0; i < std::min(kMost, problems.size()); ++i) {
    faults.push_back({{}, fmt::format("checkpoint '{}' {}", facts.directory.string(), problems[i])});
  }
  if (problems.size() > kMost)
    faults.push_back({{}, fmt::format("and {} more like these", problems.size() - kMost)});
  throw UserError(std::move(faults));
}

// A file of the checkpoint and what it is to fill.
struct Filling {
  SafetensorsFile file;
  std::vector<StateTensor> tensors;
  std::function<bool(const std::string&)> spare = {};  // what of the file may be left over

  // What of the one is not in the other.
  void compare(std::vector<std::string>& problems) const {
    const std::string name = file.path().filename();
    std::set<std::string> wanted;
    for (const StateTensor& tensor : tensors) {
      wanted.insert(tensor.name);
      if (std::string problem = file.misfit(tensor); !problem.empty()) {
        problems.push_back(fmt::format("does not fit this pipeline: in {}, {}", name, problem));
      }
    }
    for (const auto& [found, tensor] : file.tensors()) {
      if (wanted.count(found) || (spare && spare(found))) continue;
      problems.push_back(
          fmt::format("does not fit this pipeline: in {}, '{}' has no place here", name, found));
    }
  }
  bool fits() const {
    std::vector<std::string> problems;
    compare(problems);
    return problems.empty();
  }
  void load() {
    for (const StateTensor& tensor : tensors) file.read(tensor);
  }
};

// Whether a weight belongs to none of the models: a layer of the training itself, such as one that weighs the loss.
bool is_beside_the_models(const Tree& pipeline, const std::string& weight) {
  const Tree* several = pipeline.find("models");
  const std::vector<std::string> models = several ? several->keys() : std::vector<std::string>{"model"};
  const std::string owner = weight.substr(0, weight.find_first_of("/."));
  return std::find(models.begin(), models.end(), owner) == models.end();
}

// What a run goes on without.
bool is_spare(const RunInfo::Stateful& stateful) {
  return dynamic_cast<const Gathers*>(stateful.node) != nullptr;
}
bool is_spare(const fs::path& path) {
  const SafetensorsFile file(path);
  const auto holds = file.metadata().find(kHolds);
  return holds != file.metadata().end() && holds->second == kSpareState;
}

}  // namespace

CheckpointFacts open_checkpoint(const fs::path& given, std::vector<std::string>& passed_over) {
  if (!fs::exists(given))
    throw UserError(
        {{{},
          fmt::format("there is no directory '{}'{}", given.string(), path_suggestion(given.string())),
          FaultKind::missing_file}});
  if (!fs::is_directory(given))
    throw UserError({}, fmt::format("there is no directory '{}'", given.string()));
  const fs::path named = given.filename().empty() ? given.parent_path() : given;  // "runs/train/"
  if (step_of(named.filename()) >= 0 || fs::exists(named / kManifest)) {
    try {
      return read_facts(named);
    } catch (const std::bad_alloc&) {
      throw;  // says nothing about the files
    } catch (const std::exception& error) {
      throw UserError({}, fmt::format("checkpoint '{}' cannot be used: {}", named.string(), error.what()));
    }
  }
  std::string looked_at = (named / kCheckpoints).string();
  std::vector<std::string> passed;
  std::optional<CheckpointFacts> facts = newest_of(named, passed);
  for (const fs::path& run : RunDirectory::all(named)) {
    if (facts) break;
    looked_at += ", " + (run / kCheckpoints).string();
    facts = newest_of(run, passed);
  }
  passed_over.insert(passed_over.end(), passed.begin(), passed.end());
  if (facts) return *facts;
  std::string message = fmt::format("'{}' has no valid checkpoint; looked at {}", given.string(), looked_at);
  for (const std::string& reason : passed) message += "\n  " + reason;
  throw UserError({{{}, message, passed.empty() ? FaultKind::missing_file : FaultKind::mistake}});
}

void restore(const CheckpointFacts& facts, RunInfo& run) {
  std::vector<Filling> fillings;
  std::vector<std::string> problems;
  std::set<std::string> names{kLiveWeights};
  fillings.push_back(
      {SafetensorsFile(facts.directory / kLiveWeights), weight_states(run.weights(), run.values().values())});
  for (const RunInfo::Stateful& stateful : run.stateful()) {
    const std::string name = state_file(stateful.path);
    names.insert(name);
    if (!fs::exists(facts.directory / name)) {
      if (is_spare(stateful)) continue;
      problems.push_back(fmt::format("has no state of node '{}' ({})", stateful.path, stateful.type));
      continue;
    }
    Filling filling{SafetensorsFile(facts.directory / name), stateful.node->state()};
    if (!is_spare(stateful) || filling.fits()) fillings.push_back(std::move(filling));
  }
  for (const std::string& name : facts.files) {
    if (!name.ends_with(".safetensors") || names.count(name) || is_spare(facts.directory / name)) continue;
    problems.push_back(fmt::format("has the state of a node that is not in this pipeline: {}", name));
  }
  for (const Filling& filling : fillings) filling.compare(problems);
  if (!problems.empty()) refuse(facts, std::move(problems));
  for (Filling& filling : fillings) filling.load();
  run.weights().pack(run.values());
}

fs::path weights_file(const CheckpointFacts& facts, const std::string& which) {
  std::vector<std::string> known{"live"};
  fs::path live;
  for (const std::string& name : facts.files) {
    if (!name.ends_with(".safetensors")) continue;
    const SafetensorsFile file(facts.directory / name);
    const Metadata& metadata = file.metadata();
    if (!metadata.count(kHolds) || metadata.at(kHolds) != kWeights) continue;
    const std::string kind = name == kLiveWeights ? "live" : metadata.at(kNode);
    if (kind == (which.empty() ? "ema" : which)) return facts.directory / name;
    if (kind == "live")
      live = facts.directory / name;
    else
      known.push_back(kind);
  }
  if (which.empty() && !live.empty()) return live;
  throw UserError({}, fmt::format("checkpoint '{}' has no weights '{}'{}", facts.directory.string(), which,
                                  suggestion(which, known)));
}

namespace {

std::string owner_of_weight(const std::string& path) {
  return path.substr(0, std::min(path.find_first_of("/."), path.size()));
}

// Those of one model of the table, under the names that they have in its checkpoint. Weights of no model are with the
// first one, whose checkpoint would have them.
std::vector<StateTensor> states_of_model(const std::vector<SavedModel>& models, const SavedModel& model,
                                         const WeightTable& table, std::span<float> values) {
  std::vector<StateTensor> states;
  for (StateTensor& state : weight_states(table, values)) {
    const std::string owner = owner_of_weight(state.name);
    const auto its =
        std::find_if(models.begin(), models.end(), [&](const SavedModel& m) { return m.section == owner; });
    if (&model != (its == models.end() ? &models.front() : &*its)) continue;
    if (its != models.end()) state.name.replace(0, owner.size(), SavedModel().section);
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace

void load_weights(const std::vector<SavedModel>& models, const WeightTable& table, WeightValues& values) {
  for (const SavedModel& model : models) {
    Filling filling{SafetensorsFile(weights_file(model.facts, model.which)),
                    states_of_model(models, model, table, values.values())};
    if (filling.file.tensors().count(kUpdates)) {  // of an average; only training reads it
      filling.tensors.push_back({.name = kUpdates, .dtype = DType::i32, .load = [](const std::byte*) {}});
    }
    filling.spare = [&](const std::string& weight) {
      return is_beside_the_models(model.facts.pipeline, weight);
    };
    std::vector<std::string> problems;
    filling.compare(problems);
    if (!problems.empty()) refuse(model.facts, std::move(problems));
    filling.load();
  }
  table.pack(values);
}

void load_weights(const CheckpointFacts& facts, const std::string& which, const WeightTable& table,
                  WeightValues& values) {
  load_weights({{facts, which}}, table, values);
}

}  // namespace dagfusion
