#include "tools/launch/launch.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/cluster/cluster.h"
#include "graph/document/number.h"
#include "graph/run/unfinished.h"
#include "nodes/catalog.h"
#include "nodes/dnnl/engine.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/files/durable.h"
#include "nodes/files/file_system.h"
#include "tools/launch/machine_facts.h"
#include "tools/launch/memory.h"
#include "tools/launch/prepared.h"
#include "tools/launch/resume.h"
#include "tools/launch/together.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

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

Planned plan_file(const Invocation& request, int ranks) {
  Prepared p = prepare(request, false);
  return plan_prepared(p, ranks);
}

namespace {

// The file as checkpoints keep it: where the model came from another checkpoint, with its sections, since that
// one may go.
Tree self_contained(const Prepared& p, const Catalog& types) {
  Tree file = kept(p.file);
  std::vector<Entry> added;  // `models` point into the file, which grows when all is known
  std::vector<Tree*> models;
  if (Tree* model = file.find("model")) models.push_back(model);
  if (Tree* several = file.find("models"))
    for (Entry& e : several->entries) models.push_back(&e.value);
  for (Tree* model : models) {
    const Tree* from = model->is_map() ? model->find("from") : nullptr;
    const auto opened = from ? p.models.find(from->text) : p.models.end();
    if (opened == p.models.end()) continue;
    for (const Entry& e : opened->second.pipeline.entries)
      if (e.key == "model")
        *model = e.value;
      else if ((types.section(e.key) || e.key == "blocks" || e.key == "plugins") && !file.find(e.key))
        added.push_back(e);
  }
  for (Entry& e : added)
    if (!file.find(e.key)) file.entries.push_back(std::move(e));
  return file;
}

// How the weights and the states get what a checkpoint holds; nothing: they start fresh.
std::function<void(RunInfo&)> restoring(const Prepared& p, const Checked& checked) {
  if (p.checkpoint) return [facts = *p.checkpoint](RunInfo& info) { restore(facts, info); };
  if (checked.trained_models.empty()) return {};
  std::vector<SavedModel> models;
  for (const TrainedModel& model : checked.trained_models)
    models.push_back({p.models.at(model.from), model.weights, model.section});
  return [models](RunInfo& info) { load_weights(models, info.weights(), info.values()); };
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

// Only the first of several processes makes a run directory and writes to it.
bool writes(const Invocation& request) { return !request.cluster || request.cluster->first(); }

// Checked, planned, and known to fit into memory.
Planned planned_to_fit(const Invocation& request, Prepared& p) {
  Planned planned = plan_prepared(p, request.cluster ? request.cluster->size() : 1, request.threads);
  if (request.adapt) request.adapt(planned.checked);
  if (planned.checked.memory > 0)
    require_memory(planned, request.threads, {planned.checked.memory, "run.memory allows"});
  require_memory(planned, request.threads, memory_bound());
  return planned;
}

bool has_done_all(const Prepared& p, const Checked& checked) {
  return p.checkpoint && p.checkpoint->step >= checked.run.steps &&
         !has_unfinished(*p.resumed, p.checkpoint->step);
}

// resolved: the file as it is run.
RunOptions options_for(const Invocation& request, const Prepared& p, const Checked& checked,
                       const Launch& made, const std::string& resolved) {
  return {.threads = request.threads,
          .on_thread_entry = on_thread_entry,
          .directory = made.directory ? made.directory->path() : fs::path(),
          .resolved_yaml = made.saves ? write_document(self_contained(p, *checked.types)) : resolved,
          .instruction_set = arithmetic(),
          .plugins = p.plugins,
          .first_step = made.first_step,
          .first_frame = request.first_frame,
          .take_up = request.resume.has_value() && !checked.run.training,
          .restore = restoring(p, checked),
          .observer = request.observer,
          .cluster = request.cluster};
}

// What is read again when the run goes on, or by who looks at it.
void write_what_is_run(RunDirectory& directory, const Tree& file, const std::string& resolved, const Run& run,
                       const Catalog& types) {
  directory.write(kPipeline, resolved);
  for (const auto& [name, tree] : inner_pipelines(file, types)) directory.write(name, write_document(tree));
  directory.write("machine.json", machine_facts(run, arithmetic()));
}

// A run that cannot begin leaves no new directory, and one that could not go on stays what it was.
void make_run(Launch& made, const Invocation& request, const Prepared& p, Planned planned, bool goes_on) {
  const std::string resolved = write_document(kept(p.file));
  RunOptions options = options_for(request, p, planned.checked, made, resolved);
  const std::shared_ptr<Catalog> types = planned.checked.types;
  try {
    made.run = std::make_unique<Run>(std::move(planned), std::move(options));
    if (!made.directory) return;
    if (made.saves)
      require_space(made.directory->path(), checkpoint_bytes(made.run->info()),
                    goes_on ? "make room and resume" : "make room and start again");
    write_what_is_run(*made.directory, p.file, resolved, *made.run, *types);
  } catch (...) {
    std::error_code ignored;
    if (made.directory && !goes_on) fs::remove_all(made.directory->path(), ignored);
    throw;
  }
}

}  // namespace

Launch launch_prepared(const Invocation& request, Prepared p) {
  const std::vector<std::string> of_files = p.notes;
  Planned planned = planned_to_fit(request, p);
  const Checked& checked = planned.checked;
  if (has_done_all(p, checked)) {
    const std::string done = said_finished(p, checked.run.steps);
    if (request.fork) throw UserError({}, done);
    Launch nothing_left;
    nothing_left.notes = of_files;  // what a run should know is of no use to one that has ended
    nothing_left.finished = done;
    return nothing_left;
  }
  if (p.checkpoint && !request.fork) refuse_other_conditions(*p.checkpoint, checked, arithmetic(), p.plugins);
  const bool goes_on = p.directory.has_value();
  Launch made{.directory = writes(request) ? directory_for(p, checked) : std::nullopt,
              .sections = sections_of(p, *checked.types),
              .saves = std::any_of(checked.nodes.begin(), checked.nodes.end(),
                                   [](const CheckedNode& n) { return n.type->phase == Phase::save; }),
              .first_step = p.checkpoint ? p.checkpoint->step : 0};
  make_run(made, request, p, std::move(planned), goes_on);
  made.notes = std::move(p.notes);
  if (made.directory)
    for (const std::string& warning : file_system_warnings(made.directory->path()))
      made.notes.push_back("warning   " + warning);
  return made;
}

Launch launch(const Invocation& request) {
  return request.cluster ? launch_together(request) : launch_prepared(request, prepare(request, true));
}

}  // namespace dagfusion
