// The models of a file: from its own sections, from a checkpoint, or from the run around a preview.
#include <fmt/format.h>

#include "graph/check/checking.h"
#include "graph/compose/block.h"
#include "graph/types/value.h"

namespace dagfusion {

namespace {

constexpr const char* kModel = "model";

bool can_be_a_model(const NodeType& type) { return type.role == Role::composite && !type.minimizes; }

bool stands_for_a_model(const NodeType& type) {
  return std::find(type.stands_for.begin(), type.stands_for.end(), "model") != type.stands_for.end();
}

}  // namespace

std::string Checking::example_model() const {
  for (const auto& is : {stands_for_a_model, can_be_a_model})
    if (const std::vector<std::string> names = catalog.names(is); !names.empty()) return names.front();
  return "TYPE";
}

// Read whether a node calls it or not; a fault is reported once, not with every call.
void Checking::read_model(const std::string& name, const Tree& section) {
  ModelSection& made = models[name];
  made.tree = section;
  const std::string owner = fmt::format("section '{}'", name);
  if (!section.is_map())
    return fault(section.where,
                 fmt::format("{} is {}; it must be a map, like {{type: {}}} or {{from: runs/train}}", owner,
                             described(section), example_model()));
  const Tree* named = section.find("type");
  if (!named) {
    for (const Entry& e : section.entries)
      if (nearest(e.key, {"type", "from"}))
        return fault(e.where, fmt::format("{}: unknown key '{}'{}", owner, e.key,
                                          suggestion(e.key, {"type", "from"})));
    return fault(section.where,
                 fmt::format("{} lacks the key 'type', for example {}", owner, example_model()));
  }
  const NodeType* type = named->is_scalar() ? catalog.find(named->text) : nullptr;
  if (!type)
    return fault(named->where, named->is_scalar()
                                   ? fmt::format("{}: no type '{}'{}", owner, named->text,
                                                 suggestion(named->text, catalog.names(can_be_a_model)))
                                   : fmt::format("{}: 'type' is {}; it must be the name of a node type",
                                                 owner, described(*named)));
  const std::size_t before = faults.size();
  made.parameters = Parameters::read(section, type->parameters, {"type", "inside"}, owner, faults);
  if (faults.size() == before) made.type = type;
}

void Checking::find_models() {
  const Tree* model = file.find("model");
  const Tree* several = file.find("models");
  if (model && several) return fault(several->where, "both 'model' and 'models'; one of them says it all");
  if (several) return read_models(*several);
  if (!model && !options.model) return;
  const Tree* from = model ? model->find("from") : nullptr;
  const bool given =
      model && (!model->is_null() || !options.model);  // a pipeline inside another need not say it
  if (given && !from && !options.model) return read_model(kModel, *model);
  if (given && !model->is_map()) return read_model(kModel, *model);
  if (!options.model) return read_trained({{kModel, model->where, *model}});
  take_types_of(*options.model);
  take_sections_of(*options.model);
  if (options.model->model.is_map()) read_model(kModel, options.model->model);
}

void Checking::read_models(const Tree& several) {
  if (!several.is_map())
    return fault(several.where,
                 fmt::format("'models' is {}; it must be a map from names to models, like {{student: "
                             "{{type: {}}}}}",
                             described(several), example_model()));
  if (come_from_checkpoints(several)) return read_trained(several.entries);
  for (const Entry& e : several.entries) read_model(e.key, e.value);
}

// All of `models` or none: what trains starts from weights of its own.
bool Checking::come_from_checkpoints(const Tree& several) {
  const auto trained = [](const Entry& e) { return e.value.is_map() && e.value.find("from"); };
  const auto first = std::find_if(several.entries.begin(), several.entries.end(), trained);
  if (first == several.entries.end()) return false;
  for (const Entry& e : several.entries)
    if (!trained(e))
      throw UserError(e.value.where,
                      fmt::format("section '{}' lacks the key 'from', which '{}' has; models of "
                                  "one file all come from checkpoints, or none does",
                                  e.key, first->key));
  return true;
}

// Models that were trained before. The noise process and the like are the first one's, and the others must agree.
void Checking::read_trained(const std::vector<Entry>& named) {
  std::vector<ModelSource> sources;
  for (const Entry& e : named) {
    sources.push_back(from_checkpoint(e.key, e.value));
    take_types_of(sources.back());
  }
  take_sections_of(sources.front());
  for (std::size_t m = 0; m < named.size(); ++m) {
    if (m > 0) refuse_other_kind(named[m], sources[m], named[0], sources[0]);
    if (checked.classes.empty()) checked.classes = sources[m].classes;
    if (sources[m].model.is_map()) read_model(named[m].key, sources[m].model);
  }
}

void Checking::take_types_of(const ModelSource& source) {
  Tree own{.kind = Tree::Kind::map};
  for (const Entry& e : source.sections)
    if (e.key == "blocks" || e.key == "plugins") own.entries.push_back(e);
  lacks_types = true;
  if (!own.entries.empty()) *types = with_own_types(*types, own);
  lacks_types = false;
}

void Checking::take_sections_of(const ModelSource& source) {
  checked.model_input = source.input;
  checked.classes = source.classes;
  for (const Entry& e : source.sections) {
    if (!catalog.section(e.key))
      continue;  // of all that the run recorded, what its catalog knows as sections
    if (auto here = sections.find(e.key); here != sections.end())
      fault(here->second.where,
            fmt::format("section '{}' comes from the model's checkpoint; take it out of this file", e.key));
    sections.insert_or_assign(e.key, e);
  }
}

namespace {

std::string classes_in_words(const std::vector<std::string>& names) {
  return fmt::format("{} ({} … {})", names.size(), names.front(), names.back());
}

}  // namespace

// Both see the same noisy images, and a sampler takes both predictions for the same thing.
void Checking::refuse_other_kind(const Entry& other, const ModelSource& its, const Entry& first,
                                 const ModelSource& source) {
  const auto refuse = [&](const std::string& what, const std::string& one, const std::string& another) {
    fault(other.where,
          fmt::format("section '{}': was trained with {} {}, but '{}' with {}; models of one file "
                      "must agree",
                      other.key, what, one, first.key, another));
  };
  if (its.input != source.input) refuse("images of shape", to_string(its.input), to_string(source.input));
  if (!its.classes.empty() && !source.classes.empty() && its.classes != source.classes)
    refuse("the classes", classes_in_words(its.classes), classes_in_words(source.classes));
  for (const Entry& section : its.sections) {
    const SectionType* type = catalog.section(section.key);
    const auto here = sections.find(section.key);
    if (!type || here == sections.end()) continue;
    const Parameters one = Parameters::read(section.value, type->parameters, {}, "", faults);
    const Parameters another = Parameters::read(here->second.value, type->parameters, {}, "", faults);
    for (const Parameter& p : type->parameters)
      if (to_string(one.setting(p.name)) != to_string(another.setting(p.name)))
        refuse(section.key + "." + p.name, to_string(one.setting(p.name)),
               to_string(another.setting(p.name)));
  }
}

ModelSource Checking::from_checkpoint(const std::string& name, const Tree& section) {
  static const std::vector<Parameter> kKeys = {
      {.name = "from",
       .kind = Kind::text,
       .doc = "a run or a checkpoint",
       .required = true,
       .wanted = "the path of a run or a checkpoint"},
      {.name = "weights", .kind = Kind::text, .doc = "live or an average", .standard = std::string("live")}};
  const std::string owner = fmt::format("section '{}'", name);
  for (const Entry& e : section.entries)
    if (e.key == "inside")
      fault(e.where, fmt::format("{}: 'inside' changes layers, and those of a checkpoint stay as they were "
                                 "trained",
                                 owner));
  const Parameters given = Parameters::read(section, kKeys, {"inside"}, owner, faults);
  if (!given.has("from")) throw AlreadyReported();
  if (!options.open_model) given.fail("from", "checkpoints cannot be opened here");
  checked.trained_models.push_back({name, given.text("from"), given.text("weights")});
  return options.open_model(name, given.text("from"), section.find("from")->where);
}

}  // namespace dagfusion
