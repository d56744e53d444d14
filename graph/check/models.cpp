// The models of a file: from its own sections, from a checkpoint, or from the run around a preview.
#include <fmt/format.h>

#include "graph/check/checking.h"
#include "graph/compose/block.h"
#include "graph/types/value.h"

namespace dagfusion {

namespace {

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
  if (several && !several->is_map())
    return fault(several->where,
                 fmt::format("'models' is {}; it must be a map from names to models, like {{student: "
                             "{{type: {}}}}}",
                             described(*several), example_model()));
  if (several)
    for (const Entry& e : several->entries) read_model(e.key, e.value);
  if (several || (!model && !options.model)) return;
  const Tree* from = model ? model->find("from") : nullptr;
  const bool said =
      model && (!model->is_null() || !options.model);  // a pipeline inside another need not say it
  if (said && !from && !options.model) return read_model("model", *model);
  if (said && !model->is_map()) return read_model("model", *model);
  const ModelSource source = options.model ? *options.model : from_checkpoint(*model);
  checked.model_input = source.input;
  checked.classes = source.classes;
  Tree own{.kind = Tree::Kind::map};
  for (const Entry& e : source.sections)
    if (e.key == "blocks" || e.key == "plugins") own.entries.push_back(e);
  lacks_types = true;
  if (!own.entries.empty()) *types = with_own_types(*types, own);
  lacks_types = false;
  for (const Entry& e : source.sections) {
    if (!catalog.section(e.key))
      continue;  // of all that the run recorded, what its catalog knows as sections
    if (auto here = sections.find(e.key); here != sections.end())
      fault(here->second.where,
            fmt::format("section '{}' comes from the model's checkpoint; take it out of this file", e.key));
    sections.insert_or_assign(e.key, e);
  }
  if (source.model.is_map()) read_model("model", source.model);
}

ModelSource Checking::from_checkpoint(const Tree& section) {
  static const std::vector<Parameter> kKeys = {
      {.name = "from",
       .kind = Kind::text,
       .doc = "a run or a checkpoint",
       .required = true,
       .wanted = "the path of a run or a checkpoint"},
      {.name = "weights", .kind = Kind::text, .doc = "live or an average", .standard = std::string("live")}};
  for (const Entry& e : section.entries)
    if (e.key == "inside")
      fault(e.where,
            "section 'model': 'inside' changes layers, and those of a checkpoint stay as they were trained");
  const Parameters given = Parameters::read(section, kKeys, {"inside"}, "section 'model'", faults);
  if (!given.has("from")) throw AlreadyReported();
  if (!options.open_model) given.fail("from", "checkpoints cannot be opened here");
  checked.model_from = given.text("from");
  checked.model_weights = given.text("weights");
  return options.open_model(checked.model_from, section.find("from")->where);
}

}  // namespace dagfusion
