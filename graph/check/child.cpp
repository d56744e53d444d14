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

namespace {

class ChildCheck {
 public:
  ChildCheck(Checking& checking, const Entry& entry, const Scope& scope, const std::string& prefix)
      : checking_(checking),
        checked_(checking.checked),
        entry_(entry),
        scope_(scope),
        owner_(owner_of(prefix + entry.key, run_pipeline().name)) {
    node_.path = prefix + entry.key;
    node_.type = &run_pipeline();
    node_.where = entry.where;
  }

  Named made() {
    refuse_other_places();
    read_keys();
    find_file();
    Tree inner = composed();
    set_variables(inner);
    check(inner);
    choose_weights();
    const Named named{.node = static_cast<int>(checked_.nodes.size())};
    checked_.nodes.push_back(std::move(node_));
    return named;
  }

 private:
  [[noreturn]] void fail(const Position& where, const std::string& what) const {
    throw UserError(where, fmt::format("{}: {}", owner_, what));
  }

  void refuse_other_places() const {
    if (checking_.options.model)
      fail(entry_.where, "this pipeline runs inside another and cannot run a third");
    if (!checked_.run.training || checking_.current_loop >= 0)
      fail(entry_.where, "runs between two steps of a training, and this is none");
    if (const Tree* when = entry_.value.find("when"))
      fail(when->where, "'when' is for nodes of a frame; a pipeline runs 'every' so many steps");
  }

  void read_keys() {
    const std::size_t before = checking_.faults.size();
    node_.parameters = Parameters::read(entry_.value, node_.type->parameters,
                                        {"type", "after", "every", "doc"}, owner_, checking_.faults);
    if (checking_.faults.size() != before) throw AlreadyReported();
    node_.every.steps = kUsualEvery;
    if (const Tree* every = entry_.value.find("every")) node_.every = checking_.read_every(*every, owner_);
    if (const Tree* after = entry_.value.find("after"))
      for (const First& a : checking_.read_after(*after, scope_, owner_)) node_.after.push_back(a.node);
  }

  void find_file() {
    const Tree& named = *entry_.value.find("pipeline");
    file_ = inner_pipeline(named);
    if (std::filesystem::exists(file_)) return;
    node_.parameters.fail(
        "pipeline",
        fmt::format("'pipeline' is {}, which does not exist{}", file_.string(),
                    path_suggestion(named.text, std::filesystem::path(named.where.file).parent_path())));
  }

  Tree composed() const {
    Composed composed = compose(file_, checking_.catalog);
    if (!composed.sweep.is_null())
      fail(composed.sweep.where, fmt::format("{} is a sweep, which is many runs", file_.string()));
    return std::move(composed.file);
  }

  // `set`: values for the variables of that file.
  void set_variables(Tree& inner) const {
    Tree* vars = inner.find("vars");
    static const Tree none;
    for (const Entry& e : (node_.parameters.has("set") ? node_.parameters.tree("set") : none).entries) {
      Tree* var = vars ? vars->find(e.key) : nullptr;
      if (!var)
        fail(e.where, fmt::format("{} has no variable '{}'{}", file_.string(), e.key,
                                  suggestion(e.key, vars ? vars->keys() : std::vector<std::string>{})));
      *var = e.value;
    }
    substitute_variables(inner);
  }

  // With the model, its weights and the sections of the run out here.
  CheckOptions options() const {
    CheckOptions inside = checking_.options;
    inside.open_model = {};
    inside.training = false;
    ModelSource source{.input = checked_.model_input, .classes = checked_.classes};
    if (const auto model = checking_.models.find("model"); model != checking_.models.end())
      source.model = model->second.tree;
    for (const auto& [name, section] : checking_.sections) source.sections.push_back(section);
    inside.model = std::move(source);
    inside.weights = checked_.weights;
    return inside;
  }

  void check(const Tree& inner) {
    // Without a model because of a fault out here: that one is enough.
    if (checked_.model_input.empty() && !checking_.faults.empty()) throw AlreadyReported();
    try {
      node_.child = std::make_unique<Checked>(dagfusion::check(inner, checking_.catalog, options()));
    } catch (const UserError& e) {
      for (const Fault& f : e.faults())
        if (!reported(f))
          checking_.faults.push_back({f.where, fmt::format("{} (run by {})", f.message, owner_), f.kind});
      throw AlreadyReported();
    }
    if (node_.child->run.training)
      fail(entry_.value.find("pipeline")->where,
           fmt::format("{} trains something; only pipelines that do not can run inside another",
                       file_.string()));
  }

  // A fault of the model's section, which both check.
  bool reported(const Fault& fault) const {
    return std::any_of(checking_.faults.begin(), checking_.faults.end(), [&](const Fault& known) {
      return known.message == fault.message && to_string(known.where) == to_string(fault.where);
    });
  }

  // `model`: the live weights, or those of a node that keeps its own.
  void choose_weights() {
    const std::string& name = node_.parameters.text("model");
    if (name == "live") return;
    const Named* keeper = scope_.find(name);
    if (!keeper) checking_.look_up(scalar(name, entry_.value.find("model")->where), scope_, owner_);
    if (!keeper || keeper->broken) throw AlreadyReported();
    if (!keeps_weights(*keeper))
      node_.parameters.fail("model", fmt::format("'model' is {}, which keeps no weights; it must be live{}",
                                                 name, or_a_keeper()));
    node_.child_weights = keeper->node;
    node_.after.push_back(keeper->node);
  }

  bool keeps_weights(const Named& named) const {
    return named.node >= 0 && dynamic_cast<WeightSource*>(checked_.nodes[named.node].node.get());
  }

  std::string or_a_keeper() const {
    std::string names;
    for (const std::string& name : scope_.visible())
      if (keeps_weights(*scope_.find(name))) names += fmt::format(" or {}", name);
    return names.empty() ? ", since no node of this file keeps any" : names;
  }

  Checking& checking_;
  Checked& checked_;
  const Entry& entry_;
  const Scope& scope_;
  const std::string owner_;
  CheckedNode node_;
  std::filesystem::path file_;
};

}  // namespace

Named Checking::check_child(const Entry& entry, const Scope& scope, const std::string& prefix) {
  return ChildCheck(*this, entry, scope, prefix).made();
}

}  // namespace dagfusion
