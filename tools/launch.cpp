#include "tools/launch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "nodes/catalog.h"
#include "nodes/dnnl/engine.h"
#include "nodes/files/checkpoint_files.h"
#include "tools/resume.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

// As typed, or among the pipelines that were installed or built with this program.
fs::path find_pipeline(const fs::path& typed) {
  std::error_code ignored;
  if (fs::exists(typed, ignored) || typed.is_absolute()) return typed;
  const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& root : {here / "../share/dagfusion", here / "../.."})
    if (fs::exists(root / typed, ignored)) return fs::weakly_canonical(root / typed, ignored);
  return typed;
}

// Pipelines that run inside this one: read now, so that the run directory can keep them.
std::vector<std::pair<std::string, Tree>> inner_pipelines(Tree& file) {
  std::vector<std::pair<std::string, Tree>> found;
  Tree* nodes = file.find("nodes");
  if (!nodes) return found;
  for (Entry& e : nodes->entries) {
    const Tree* type = e.value.find("type");
    Tree* path = e.value.find("pipeline");
    if (!type || type->text != "run_pipeline" || !path || !path->is_scalar()) continue;
    const fs::path beside = fs::path(path->where.file).parent_path() / path->text;
    std::error_code ignored;
    const fs::path inner = fs::exists(beside, ignored) ? beside : fs::path(path->text);
    if (fs::exists(inner, ignored)) found.emplace_back(e.key + ".yaml", read_document(inner));
  }
  return found;
}

Tree kept(const Tree& file) {
  Tree copy = file;
  if (Tree* nodes = copy.find("nodes"))
    for (Entry& e : nodes->entries)
      if (const Tree* type = e.value.find("type"); type && type->text == "run_pipeline")
        if (Tree* path = e.value.find("pipeline")) path->text = e.key + ".yaml";
  return copy;
}

struct Prepared {
  Tree file;                                  // substituted
  std::optional<fs::path> resumed;            // the run that goes on
  std::optional<CheckpointFacts> checkpoint;  // where it goes on
  CheckOptions options;
  std::vector<std::string> notes;
};

void pass_over(std::vector<std::string>& notes, const std::vector<std::string>& reasons) {
  for (const std::string& reason : reasons) notes.push_back("passed over: " + reason);
}

Prepared prepare(const Invocation& request) {
  Prepared p;
  p.options.channel_block = channel_block();
  p.options.open_model = [&notes = p.notes](const std::string& from, const Position& where) {
    std::vector<std::string> passed_over;
    ModelSource source;
    try {
      const CheckpointFacts facts = open_checkpoint(from, passed_over);
      pass_over(notes, passed_over);
      notes.push_back(fmt::format("model: {} (step {})", facts.directory.string(), facts.step));
      if (const Tree* model = facts.pipeline.find("model")) source.model = *model;
      for (const Entry& e : facts.pipeline.entries)
        if (e.key == "diffusion") source.sections.push_back(e);
      source.input = facts.model_input;
    } catch (const UserError& e) {
      throw UserError(where, fmt::format("section 'model': {}", e.faults().front().message));
    }
    return source;
  };
  const auto read = [&](const fs::path& path) {
    Tree tree = read_document(find_pipeline(path));
    for (const Override& o : request.overrides) apply_override(tree, o);
    return tree;
  };
  if (request.file.empty()) {
    p.resumed = *request.resume;
    p.file = read(*p.resumed / "pipeline.yaml");
  } else {
    p.file = read(request.file);
  }
  substitute_variables(p.file);
  if (request.resume) {
    if (!p.resumed) p.resumed = run_to_resume(p.file, *request.resume);
    std::vector<std::string> passed_over;
    p.checkpoint = open_checkpoint(*p.resumed, passed_over);
    pass_over(p.notes, passed_over);
    Tree before = read_document(*p.resumed / "pipeline.yaml");
    if (!request.fork) refuse_changes(before, kept(p.file), *p.resumed);
  }
  return p;
}

}  // namespace

Checked check_file(const Invocation& request) {
  Prepared p = prepare(request);
  return check_with_auto(p.file, catalog(), p.options);
}

Launch launch(const Invocation& request) {
  Prepared p = prepare(request);
  Launch made;
  Checked checked = check_with_auto(p.file, catalog(), p.options);
  if (p.checkpoint) {
    refuse_other_conditions(*p.checkpoint, checked, instruction_set());
    made.first_step = p.checkpoint->step;
    if (made.first_step >= checked.run.steps)
      throw UserError({{}, fmt::format("{} has all its {} steps; give run.steps a larger number to go on", p.resumed->string(), checked.run.steps)});
  }
  const std::vector<std::pair<std::string, Tree>> inner = inner_pipelines(p.file);
  RunOptions options{.threads = request.threads,
                     .on_thread_entry = on_thread_entry,
                     .resolved_yaml = write_document(kept(p.file)),
                     .instruction_set = instruction_set(),
                     .first_step = made.first_step,
                     .on_step = request.on_step};
  if (p.resumed && !request.fork) {
    made.directory.emplace(RunDirectory::open(*p.resumed));
  } else if (checked.run.training || !checked.run.output.empty()) {
    made.directory.emplace(RunDirectory::create(checked.run.output.empty() ? "runs" : checked.run.output));
  }
  if (made.directory) {
    options.directory = made.directory->path();
    made.directory->write("pipeline.yaml", options.resolved_yaml);
    for (const auto& [name, tree] : inner) made.directory->write(name, write_document(tree));
  }
  if (p.checkpoint) {
    options.restore = [facts = *p.checkpoint](RunInfo& info) { restore(facts, info); };
  } else if (!checked.model_from.empty()) {
    std::vector<std::string> already_told;
    options.restore = [facts = open_checkpoint(checked.model_from, already_told), which = checked.model_weights](RunInfo& info) {
      load_weights(facts, which, info.weights(), info.values());
    };
  }
  made.run = std::make_unique<Run>(std::move(checked), std::move(options));
  if (made.directory) {
    nlohmann::ordered_json machine;
    machine["threads"] = made.run->threads();
    machine["lanes"] = made.run->lanes();
    machine["instruction_set"] = instruction_set();
    machine["working_directory"] = fs::current_path().string();
    machine["process"] = getpid();
    made.directory->write("machine.json", machine.dump(2) + "\n");
  }
  made.notes = std::move(p.notes);
  return made;
}

}  // namespace dagfusion
