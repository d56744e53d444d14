#include "tools/launch/prepared.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graph/compose/block.h"
#include "graph/compose/change.h"
#include "graph/document/number.h"
#include "graph/plan/micro_batch.h"
#include "graph/run/run.h"
#include "graph/types/file_keys.h"
#include "nodes/catalog.h"
#include "nodes/dnnl/engine.h"
#include "nodes/files/checkpoint_files.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/kernels/instruction_set.h"
#include "nodes/training/share_of_start.h"
#include "tools/launch/resume.h"

namespace dagfusion {

namespace fs = std::filesystem;

std::string arithmetic() { return instruction_set() + ", kernels " + kernels::instruction_set(); }

namespace {

// "${" stands for itself by now; read again, it must do so too.
void escape_variables(Tree& tree) {
  for (std::size_t at = 0; tree.is_scalar() && (at = tree.text.find("${", at)) != std::string::npos; at += 3)
    tree.text.insert(at, 1, '$');
  for (Tree& item : tree.items) escape_variables(item);
  for (Entry& e : tree.entries)
    if (e.key != "blocks" && e.key != "plugins")  // which know no variables of the file
      escape_variables(e.value);
}

}  // namespace

// The file as the run directory keeps it: with the values of its variables in their places, and without the
// variables, since setting one would change nothing any more.
Tree kept(const Tree& file) {
  Tree copy = file;
  std::erase_if(copy.entries, [](const Entry& e) { return e.key == "vars"; });
  escape_variables(copy);
  if (Tree* nodes = copy.find("nodes"))
    for (Entry& e : nodes->entries)
      if (const Tree* type = e.value.find("type"); type && type->text == "run_pipeline")
        if (Tree* path = e.value.find("pipeline")) path->text = e.key + ".yaml";
  return copy;
}
namespace {

void pass_over(std::vector<std::string>& notes, const std::vector<std::string>& reasons) {
  for (const std::string& reason : reasons) notes.push_back("passed over: " + reason);
}

void refuse_variables(const std::vector<Override>& overrides, const fs::path& file) {
  for (const Override& o : overrides)
    if (o.text.starts_with("vars."))
      throw UserError({"command line"},
                      fmt::format("'{}' would change nothing: the values of variables have been put into {}; "
                                  "set them where they stand, or name the pipeline file too",
                                  o.text, file.string()));
}

constexpr const char* kGradientGroups = "gradient_groups";
constexpr std::int64_t kFewSteps = 100;  // after which no model draws anything yet

// compose: with all that the file extends, and what is typed on the command line.
void compose_file(const Invocation& request, Prepared& p) {
  const fs::path path = request.file.empty() ? *p.resumed / kPipeline : find_pipeline(request.file);
  if (request.file.empty()) refuse_variables(request.overrides, path);
  if (request.composed) {
    p.file = *request.composed;
  } else {
    Composed composed = compose(path, request.plugins);
    if (!composed.sweep.is_null())
      throw UserError(composed.sweep.where,
                      fmt::format("'sweep' makes many runs of {}; type: run-pipeline sweep {}", path.string(),
                                  path.string()));
    p.file = std::move(composed.file);
    p.notes = std::move(composed.notes);
  }
  if (request.overrides.empty()) return;
  const Catalog types = with_own_types(catalog(), p.file);
  for (const Override& o : request.overrides) apply(p.file, read_override(o), types, p.notes);
}

void take(FoundRun found, Prepared& p) {
  if (!found.run.empty()) p.resumed = found.run;
  p.without_checkpoint = std::move(found.passed_over);
}

// The parts of the gradients stay those with which the run was started, on however many processes it goes on.
void keep_gradient_groups(Tree& file, const fs::path& run) {
  const Tree started = read_document(run / kPipeline);
  const Tree* before = started.find("run");
  const Tree* groups = before ? before->find(kGradientGroups) : nullptr;
  Tree* now = file.find("run");
  if (groups && now && now->is_map() && !now->find(kGradientGroups))
    now->entries.push_back({kGradientGroups, groups->where, *groups});
}

// The run that goes on, and its newest checkpoint; nothing where there is none yet, so that a job that is
// queued again and again can always say --resume.
void open_resumed(const Invocation& request, bool lock, Prepared& p) {
  if (!p.resumed) take(newest_run(p.file), p);
  for (const fs::path& run : p.without_checkpoint) {
    if (lock) RunDirectory::open(run);  // refuses one that is still running
    p.notes.push_back(fmt::format("passed over: {}: it has no checkpoint", run.string()));
  }
  if (!p.resumed && request.fork)
    throw UserError(
        {}, fmt::format("there is no run with a checkpoint below '{}' to fork", output_of(p.file).string()));
  if (!p.resumed) {
    p.notes.push_back(fmt::format("nothing to go on with below '{}'; starts from the beginning",
                                  output_of(p.file).string()));
    return;
  }
  if (lock && !request.fork) {  // before its checkpoints are read: whoever is in it may be writing them
    p.directory.emplace(RunDirectory::open(*p.resumed));
    remove_unfinished_checkpoints(*p.resumed);
  }
  keep_gradient_groups(p.file, *p.resumed);
  const Tree before = read_document(*p.resumed / kPipeline);
  const Catalog types = with_own_types(catalog(), p.file);
  if (!request.fork)
    refuse_changes(before, kept(p.file), types, *p.resumed);
  else
    for (const std::string& line : changed_sections(before, kept(p.file), types)) p.notes.push_back(line);
  std::vector<std::string> passed_over;
  p.checkpoint = open_checkpoint(*p.resumed, passed_over);
  pass_over(p.notes, passed_over);
}

// By its file alone: some node minimizes.
bool trains(const Tree& file) {
  const Tree* nodes = file.find("nodes");
  return nodes && std::any_of(nodes->entries.begin(), nodes->entries.end(),
                              [](const Entry& e) { return e.value.is_map() && e.value.find("minimize"); });
}

}  // namespace

Prepared prepare(const Invocation& request, bool lock) {
  Prepared p;
  if (request.resume && !request.resume->empty()) take(named_run(*request.resume, request.fork), p);
  compose_file(request, p);
  substitute_variables(p.file);
  if (request.resume && (p.resumed || request.fork || trains(p.file))) open_resumed(request, lock, p);
  return p;
}

namespace {

// What `model: {from: ...}`, or one of `models`, takes out of a checkpoint.
ModelSource model_from(Prepared& p, const std::string& section, const std::string& from,
                       const Position& where) {
  auto opened = p.models.find(from);
  if (opened == p.models.end()) {
    try {
      std::vector<std::string> passed_over;
      opened = p.models.emplace(from, open_checkpoint(from, passed_over)).first;
      pass_over(p.notes, passed_over);
      const CheckpointFacts& facts = opened->second;
      p.notes.push_back(fmt::format(
          "{}: {} ({})", section, facts.directory.string(),
          facts.imported.empty() ? fmt::format("step {}", facts.step) : "weights of " + facts.imported));
      if (facts.step < kFewSteps && facts.imported.empty())
        p.notes.push_back(fmt::format("{}: after {} of training, images are hardly more than noise", section,
                                      counted(facts.step, "step")));
    } catch (const UserError& e) {
      const Fault& wrong = e.faults().front();
      throw UserError({{where, fmt::format("section '{}': {}", section, wrong.message), wrong.kind}});
    }
  }
  const CheckpointFacts& facts = opened->second;
  ModelSource source;
  if (const Tree* model = facts.pipeline.find("model")) source.model = *model;
  source.sections =
      facts.pipeline.entries;  // the checker takes those of the catalog, which its plugins extend
  source.input = facts.model_input;
  source.classes = facts.classes;
  return source;
}

// An average of few updates is what training started from.
void note_young_average(const TrainedModel& model, const CheckpointFacts& facts,
                        std::vector<std::string>& notes) {
  const std::string& weights = model.weights;
  const Tree* nodes = facts.pipeline.find("nodes");
  const Tree* average = nodes ? nodes->find(weights) : nullptr;
  const Tree* type = average && average->is_map() ? average->find("type") : nullptr;
  const NodeType* known = type ? catalog().find(type->text) : nullptr;
  if (!known || known->name != "weight_average") return;
  std::vector<Fault> faults;
  const Parameters settings = Parameters::read(*average, known->parameters, kNodeKeys, "", faults);
  if (!faults.empty() || settings.text("warmup") != "none") return;
  const double left = share_of_start(settings.real("decay"), facts.step);
  if (facts.step > 0 && left >= kSlow)
    notes.push_back(
        fmt::format("{0}: after {1}, {2:.0f}% of the average '{3}' are the weights of the first; "
                    "{0}.weights=live are those that were trained",
                    model.section, counted(facts.step, "step"), 100 * left, weights));
}

// What `auto` stands for is kept with the run: results depend on it.
void say_gradient_groups(Tree& file, int groups) {
  Tree* run = file.find("run");
  Tree number{.kind = Tree::Kind::scalar, .text = std::to_string(groups), .where = run->where};
  if (Tree* written = run->find(kGradientGroups))
    *written = number;
  else
    run->entries.push_back({kGradientGroups, run->where, number});
}

}  // namespace

Planned plan_prepared(Prepared& p, int ranks, int threads) {
  Planned planned =
      check_and_plan(p.file, catalog(),
                     {.channel_block = channel_block(),
                      .bfloat16 = bfloat16_available(),
                      .ranks = ranks,
                      .threads = threads > 0 ? threads : threads_of({}, 0),
                      .open_model = [&p](const std::string& section, const std::string& from,
                                         const Position& at) { return model_from(p, section, from, at); }});
  const Checked& checked = planned.checked;
  p.notes.insert(p.notes.end(), checked.notes.begin(), checked.notes.end());
  if (checked.run.gradient_groups > 1) say_gradient_groups(p.file, checked.run.gradient_groups);
  p.plugins = plugin_checksums(*checked.types);
  for (const auto& [from, facts] : p.models)
    for (const std::string& line : rebuilt_plugins(facts, p.plugins)) p.notes.push_back("model: " + line);
  for (const TrainedModel& model : checked.trained_models)
    note_young_average(model, p.models.at(model.from), p.notes);
  return planned;
}

}  // namespace dagfusion
