#include "tools/launch/launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "graph/compose/block.h"
#include "graph/compose/change.h"
#include "graph/document/number.h"
#include "graph/plan/micro_batch.h"
#include "graph/run/unfinished.h"
#include "graph/types/file_keys.h"
#include "nodes/catalog.h"
#include "nodes/dnnl/engine.h"
#include "nodes/files/checkpoint_files.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/files/durable.h"
#include "nodes/files/file_system.h"
#include "nodes/kernels/instruction_set.h"
#include "nodes/training/share_of_start.h"
#include "tools/launch/machine_facts.h"
#include "tools/launch/memory.h"
#include "tools/launch/resume.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

// What the bits of a result depend on: the instruction sets of oneDNN's primitives and of our kernels.
std::string arithmetic() { return instruction_set() + ", kernels " + kernels::instruction_set(); }

// Pipelines that run inside this one: read now, so that the run directory can keep them.
std::vector<std::pair<std::string, Tree>> inner_pipelines(const Tree& file, const Catalog& types) {
  std::vector<std::pair<std::string, Tree>> found;
  const Tree* nodes = file.find("nodes");
  if (!nodes) return found;
  for (const Entry& e : nodes->entries) {
    const Tree* type = e.value.find("type");
    const Tree* path = e.value.find("pipeline");
    if (!type || type->text != "run_pipeline" || !path || !path->is_scalar()) continue;
    found.emplace_back(e.key + ".yaml", compose(inner_pipeline(*path), types).file);
  }
  return found;
}

// "${" stands for itself by now; read again, it must do so too.
void escape_variables(Tree& tree) {
  for (std::size_t at = 0; tree.is_scalar() && (at = tree.text.find("${", at)) != std::string::npos; at += 3)
    tree.text.insert(at, 1, '$');
  for (Tree& item : tree.items) escape_variables(item);
  for (Entry& e : tree.entries)
    if (e.key != "blocks" && e.key != "plugins")  // which know no variables of the file
      escape_variables(e.value);
}

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

constexpr std::int64_t kFewSteps = 100;  // after which no model draws anything yet

// What is known before anything is made.
struct Prepared {
  Tree file;                                      // variables substituted
  std::optional<fs::path> resumed;                // the run that goes on
  std::vector<fs::path> without_checkpoint;       // newer ones
  std::optional<RunDirectory> directory;          // the same, locked
  std::optional<CheckpointFacts> checkpoint;      // where it goes on
  std::map<std::string, CheckpointFacts> models;  // opened for `model: {from: …}`, by that
  std::vector<std::string> plugins;               // plugin_checksums(), of those the check has loaded
  std::vector<std::string> notes;
};

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
  if (!request.fork)
    refuse_changes(read_document(*p.resumed / kPipeline), kept(p.file), with_own_types(catalog(), p.file),
                   *p.resumed);
  std::vector<std::string> passed_over;
  p.checkpoint = open_checkpoint(*p.resumed, passed_over);
  pass_over(p.notes, passed_over);
}

Prepared prepare(const Invocation& request, bool lock) {
  Prepared p;
  if (request.resume && !request.resume->empty()) take(named_run(*request.resume, request.fork), p);
  compose_file(request, p);
  substitute_variables(p.file);
  if (request.resume) open_resumed(request, lock, p);
  return p;
}

// What `model: {from: ...}` takes out of a checkpoint.
ModelSource model_from(Prepared& p, const std::string& from, const Position& where) {
  auto opened = p.models.find(from);
  if (opened == p.models.end()) {
    try {
      std::vector<std::string> passed_over;
      opened = p.models.emplace(from, open_checkpoint(from, passed_over)).first;
      pass_over(p.notes, passed_over);
      const CheckpointFacts& facts = opened->second;
      p.notes.push_back(fmt::format("model: {} (step {})", facts.directory.string(), facts.step));
      if (facts.step < kFewSteps)
        p.notes.push_back(fmt::format("model: after {} of training, images are hardly more than noise",
                                      counted(facts.step, "step")));
    } catch (const UserError& e) {
      const Fault& wrong = e.faults().front();
      throw UserError({{where, fmt::format("section 'model': {}", wrong.message), wrong.kind}});
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
void note_young_average(const CheckpointFacts& facts, const std::string& weights,
                        std::vector<std::string>& notes) {
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
        fmt::format("model: after {}, {:.0f}% of the average '{}' are the weights of the first; "
                    "model.weights=live are those that were trained",
                    counted(facts.step, "step"), 100 * left, weights));
}

// check and plan: the rest of what can be known before a run.
Planned plan_prepared(Prepared& p) {
  Planned planned = check_and_plan(
      p.file, catalog(),
      {.channel_block = channel_block(),
       .bfloat16 = bfloat16_available(),
       .open_model = [&p](const std::string& from, const Position& at) { return model_from(p, from, at); }});
  const Checked& checked = planned.checked;
  p.notes.insert(p.notes.end(), checked.notes.begin(), checked.notes.end());
  p.plugins = plugin_checksums(*checked.types);
  for (const auto& [from, facts] : p.models)
    for (const std::string& line : rebuilt_plugins(facts, p.plugins)) p.notes.push_back("model: " + line);
  if (!checked.model_from.empty())
    note_young_average(p.models.at(checked.model_from), checked.model_weights, p.notes);
  return planned;
}

// Where a model comes from a checkpoint, its sections do too.
std::vector<Entry> sections_of(const Prepared& p, const Catalog& types) {
  std::vector<Entry> all;
  for (const SectionType& type : types.sections) {
    const Tree* section = p.file.find(type.name);
    for (const auto& [from, facts] : p.models)
      if (const Tree* theirs = facts.pipeline.find(type.name)) section = theirs;
    if (section) all.push_back({type.name, section->where, *section});
  }
  return all;
}

}  // namespace

fs::path find_pipeline(const fs::path& typed) {
  std::error_code ignored;
  if (fs::exists(typed, ignored) || typed.is_absolute()) return typed;
  const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& root : {here / "../share/dagfusion", here / "../.."})
    if (fs::exists(root / typed, ignored)) return fs::weakly_canonical(root / typed, ignored);
  return typed;
}

Tree read_file(const Invocation& request) { return prepare(request, false).file; }

Planned plan_file(const Invocation& request) {
  Prepared p = prepare(request, false);
  return plan_prepared(p);
}

namespace {

// How the weights and the states get what a checkpoint holds; nothing: they start fresh.
std::function<void(RunInfo&)> restoring(const Prepared& p, const Checked& checked) {
  if (p.checkpoint) return [facts = *p.checkpoint](RunInfo& info) { restore(facts, info); };
  if (checked.model_from.empty()) return {};
  return [facts = p.models.at(checked.model_from), which = checked.model_weights](RunInfo& info) {
    load_weights(facts, which, info.weights(), info.values());
  };
}

// The run's own, where it goes on; a new one for what trains, or says `output`.
std::optional<RunDirectory> directory_for(Prepared& p, const Checked& checked) {
  if (p.directory) return std::move(p.directory);
  const std::string& output = checked.run.output;
  if (!checked.run.training && output.empty()) return std::nullopt;
  return RunDirectory::create(output.empty() ? kStandardOutput : output);
}

std::string said_finished(const Prepared& p, std::int64_t steps) {
  return fmt::format("{} has done {}, and run.steps is {}; give it a larger number to go on",
                     p.resumed->string(), counted(p.checkpoint->step, "step"), steps);
}

}  // namespace

Launch launch(const Invocation& request) {
  Prepared p = prepare(request, true);  // composed, variables substituted
  const std::vector<std::string> of_files = p.notes;
  Planned planned = plan_prepared(p);  // checked, micro_batch chosen, planned
  if (request.adapt) request.adapt(planned.checked);
  require_memory(planned, request.threads, memory_bound());
  const Checked& checked = planned.checked;
  if (p.checkpoint && p.checkpoint->step >= checked.run.steps &&
      !has_unfinished(*p.resumed, p.checkpoint->step)) {
    const std::string done = said_finished(p, checked.run.steps);
    if (request.fork) throw UserError({}, done);
    Launch nothing_left;
    nothing_left.notes = of_files;  // what a run should know is of no use to one that has ended
    nothing_left.finished = done;
    return nothing_left;
  }
  if (p.checkpoint && !request.fork) refuse_other_conditions(*p.checkpoint, checked, arithmetic(), p.plugins);
  const auto inner = inner_pipelines(p.file, *checked.types);
  const std::string resolved_yaml = write_document(kept(p.file));
  const bool goes_on = p.directory.has_value();
  Launch made{.directory = directory_for(p, checked),
              .sections = sections_of(p, *checked.types),
              .saves = std::any_of(checked.nodes.begin(), checked.nodes.end(),
                                   [](const CheckedNode& n) { return n.type->phase == Phase::save; }),
              .first_step = p.checkpoint ? p.checkpoint->step : 0};
  RunOptions options{.threads = request.threads,
                     .on_thread_entry = on_thread_entry,
                     .directory = made.directory ? made.directory->path() : fs::path(),
                     .resolved_yaml = resolved_yaml,
                     .instruction_set = arithmetic(),
                     .plugins = p.plugins,
                     .first_step = made.first_step,
                     .first_frame = request.first_frame,
                     .restore = restoring(p, checked),
                     .observer = request.observer};
  try {
    made.run = std::make_unique<Run>(std::move(planned), std::move(options));
    if (made.directory && made.saves)
      require_space(made.directory->path(), checkpoint_bytes(made.run->info()),
                    goes_on ? "make room and resume" : "make room and start again");
    if (made.directory) {  // last: a run that could not go on stays what it was
      made.directory->write(kPipeline, resolved_yaml);
      for (const auto& [name, tree] : inner) made.directory->write(name, write_document(tree));
      made.directory->write("machine.json", machine_facts(*made.run, arithmetic()));
    }
  } catch (...) {
    std::error_code ignored;
    if (made.directory && !goes_on) fs::remove_all(made.directory->path(), ignored);
    throw;
  }
  made.notes = std::move(p.notes);
  if (made.directory)
    for (const std::string& warning : file_system_warnings(made.directory->path()))
      made.notes.push_back("warning   " + warning);
  return made;
}

}  // namespace dagfusion
