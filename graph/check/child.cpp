// run_pipeline: a pipeline inside another, with the model and the sections of the run around it.
#include <fmt/format.h>

#include "graph/check/checking.h"
#include "graph/compose/change.h"
#include "graph/document/near_path.h"
#include "graph/types/builtin.h"

namespace dagfusion {

std::filesystem::path inner_pipeline(const Tree& reference) {
  const std::filesystem::path named = reference.text;
  const std::filesystem::path beside = std::filesystem::path(reference.where.file).parent_path() / named;
  std::error_code ignored;
  return !std::filesystem::exists(beside, ignored) && std::filesystem::exists(named, ignored) ? named
                                                                                              : beside;
}

Named Checking::check_child(const Entry& entry, const Scope& scope, const std::string& prefix) {
  const NodeType& type = run_pipeline();
  const std::string path = prefix + entry.key;
  const std::string owner = owner_of(path, type.name);
  if (options.model)
    throw UserError(entry.where,
                    fmt::format("{}: this pipeline runs inside another and cannot run a third", owner));
  if (!checked.run.training || current_loop >= 0)
    throw UserError(entry.where,
                    fmt::format("{}: runs between two steps of a training, and this is none", owner));
  if (const Tree* when = entry.value.find("when"))
    throw UserError(
        when->where,
        fmt::format("{}: 'when' is for nodes of a frame; a pipeline runs 'every' so many steps", owner));
  CheckedNode node{.path = path, .type = &type, .where = entry.where};
  const std::size_t before = faults.size();
  node.parameters =
      Parameters::read(entry.value, type.parameters, {"type", "after", "every", "doc"}, owner, faults);
  if (faults.size() != before) throw UserError(std::vector<Fault>{});
  node.every.steps = 1000;
  if (const Tree* every = entry.value.find("every")) node.every = read_every(*every, owner);
  if (const Tree* after = entry.value.find("after"))
    for (const First& a : read_after(*after, scope, owner)) node.after.push_back(a.node);

  const Tree& which = *entry.value.find("pipeline");
  const std::filesystem::path file_path = inner_pipeline(which);
  if (!std::filesystem::exists(file_path))
    node.parameters.fail(
        "pipeline",
        fmt::format("'pipeline' is {}, which does not exist{}", file_path.string(),
                    path_suggestion(which.text, std::filesystem::path(which.where.file).parent_path())));

  Composed composed = compose(file_path, catalog);
  if (!composed.sweep.is_null())
    throw UserError(composed.sweep.where,
                    fmt::format("{}: {} is a sweep, which is many runs", owner, file_path.string()));
  Tree inner = std::move(composed.file);
  if (node.parameters.has("set")) {
    Tree* vars = inner.find("vars");
    for (const Entry& e : node.parameters.tree("set").entries) {
      Tree* var = vars ? vars->find(e.key) : nullptr;
      if (!var)
        throw UserError(e.where,
                        fmt::format("{}: {} has no variable '{}'{}", owner, file_path.string(), e.key,
                                    suggestion(e.key, vars ? vars->keys() : std::vector<std::string>{})));
      *var = e.value;
    }
  }
  substitute_variables(inner);

  CheckOptions inside = options;
  inside.open_model = {};
  inside.training = false;
  ModelSource source;
  if (const auto model = models.find("model"); model != models.end()) source.model = model->second.tree;
  for (const auto& [name, section] : sections) source.sections.push_back(section);
  source.input = checked.model_input;
  inside.model = source;
  inside.weights = checked.weights;
  // Without a model because of a fault out here: that one is enough.
  if (checked.model_input.empty() && !faults.empty()) throw UserError(std::vector<Fault>{});
  const auto known = [&](const Fault& f) {  // of the model's section, which both check
    return std::any_of(faults.begin(), faults.end(), [&](const Fault& k) {
      return k.message == f.message && to_string(k.where) == to_string(f.where);
    });
  };
  try {
    node.child = std::make_unique<Checked>(check(inner, catalog, inside));
  } catch (const UserError& e) {
    for (const Fault& f : e.faults())
      if (!known(f)) fault(f.where, fmt::format("{} (run by {})", f.message, owner));
    throw UserError(std::vector<Fault>{});
  }
  if (node.child->run.training)
    throw UserError(which.where,
                    fmt::format("{}: {} trains something; only pipelines that do not can run inside another",
                                owner, file_path.string()));
  const std::string& weights = node.parameters.text("model");
  if (weights != "live") {
    const Tree reference = scalar(weights, entry.value.find("model")->where);
    const Named* source_node = nullptr;
    for (const Scope* s = &scope; s && !source_node; s = s->parent)
      if (auto found = s->names.find(weights); found != s->names.end()) source_node = &found->second;
    if (!source_node) {
      look_up(reference, scope, owner);
      throw UserError(std::vector<Fault>{});
    }
    if (source_node->broken) throw UserError(std::vector<Fault>{});
    node.child_weights = source_node->node;
    if (!dynamic_cast<WeightSource*>(checked.nodes[node.child_weights].node.get()))
      node.parameters.fail(
          "model",
          fmt::format("'model' is {}, which keeps no weights; it must be live or a weight_average", weights));
    node.after.push_back(node.child_weights);
  }
  Named named{.node = static_cast<int>(checked.nodes.size())};
  checked.nodes.push_back(std::move(node));
  return named;
}

}  // namespace dagfusion
