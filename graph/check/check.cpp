#include "graph/check/check.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/check/checking.h"
#include "graph/compose/block.h"

namespace dagfusion {

std::string owner_of(const std::string& path, const std::string& type) {
  return fmt::format("node '{}' ({})", path, type);
}

Checking::Checking(const Tree& file_, const Catalog& given, const CheckOptions& options_)
    : file(file_),
      options(options_),
      types(std::make_shared<Catalog>(with_own_types(given, file))),
      catalog(*types) {
  checked.types = types;
  checked.run.channel_block = options.channel_block;  // whatever the file says
  checked.weights = options.weights ? options.weights : std::make_shared<WeightTable>();
}

// Every key at the top of the file is known, and sections of the catalog are kept until a node reads them.
void Checking::read_sections() {
  const std::vector<std::string> known = top_level_keys(catalog);
  for (const Entry& e : file.entries) {
    if (std::find(known.begin(), known.end(), e.key) == known.end())
      fault(e.where, fmt::format("unknown section '{}'{}", e.key, suggestion(e.key, known)));
    if (e.key == "doc") read_key(e.value, kDoc, "this file");
    if (catalog.section(e.key)) sections.emplace(e.key, e);
  }
}

// `model: {from: …}` would have brought the sections of its checkpoint.
bool Checking::waits_for_checkpoint() const {
  const Tree* model = file.find("model");
  const Tree* several = file.find("models");
  const auto has_from = [](const Entry& e) { return e.value.find("from") != nullptr; };
  return (model && model->find("from")) ||
         (several && std::any_of(several->entries.begin(), several->entries.end(), has_from));
}

const Resource& Checking::resource(const std::string& name, const std::string& owner, const Position& where) {
  if (auto made = checked.resources.find(name); made != checked.resources.end()) return *made->second;
  const SectionType* type = catalog.section(name);
  const auto entry = sections.find(name);
  if (entry == sections.end() && models_broken && waits_for_checkpoint()) throw AlreadyReported();
  if (entry == sections.end() || !type)
    throw UserError(where,
                    fmt::format("{}: reads the section '{}', which this file lacks; '{}: {{}}' is one with "
                                "the defaults",
                                owner, name, name));
  if (!failed_sections.insert(name).second) throw AlreadyReported();
  std::vector<Fault> found;
  const Parameters parameters =
      Parameters::read(entry->second.value, type->parameters, {}, fmt::format("section '{}'", name), found);
  if (!found.empty()) throw UserError(std::move(found));
  std::shared_ptr<Resource> made = type->create(parameters);
  failed_sections.erase(name);
  return *checked.resources.emplace(name, std::move(made)).first->second;
}

namespace {

// How many images a graph without training sends through: what its data sets hold. All must agree, or hold as many as
// run.images asks for.
void count_images(Checking& checking) {
  Checked& checked = checking.checked;
  const CheckedNode* counted = nullptr;
  std::int64_t count = 0;
  for (const CheckedNode& n : checked.nodes) {
    const auto* data = dynamic_cast<const DataSet*>(n.node.get());
    if (!data || !data->size()) continue;
    const bool enough = checked.images && *data->size() >= *checked.images && count >= *checked.images;
    if (counted && *data->size() != count && !enough)
      checking.fault(n.where, fmt::format("{}: holds {} images, but {} holds {}; they must agree",
                                          owner_of(n.path, n.type->name), *data->size(),
                                          owner_of(counted->path, counted->type->name), count));
    counted = &n;
    count = *data->size();
  }
  if (counted) checked.images = std::min(checked.images.value_or(count), count);
  if (!checked.images && checking.faults.empty())
    checking.fault(
        checking.file.where,
        "nothing says how many images to send through: no data set here ends; give run.images a number");
}

// A node of the file that gives values and stands for nothing else, while none of them is read.
void note_unread(Checked& checked) {
  std::vector<bool> read(checked.nodes.size());
  const auto mark = [&](const Wire& wire) {
    if (wire.node >= 0) read[static_cast<std::size_t>(wire.node)] = true;
  };
  for (const CheckedNode& n : checked.nodes) {
    for (const CheckedInput& i : n.inputs) mark(i.from);
    mark(n.when);
  }
  for (const Group& g : checked.groups) mark(g.loss);
  for (const CheckedLoop& l : checked.loops)
    if (l.each >= 0) read[static_cast<std::size_t>(l.each)] = true;
  for (std::size_t i = 0; i < checked.nodes.size(); ++i) {
    const CheckedNode& n = checked.nodes[i];
    const bool named = n.path.find('/') == std::string::npos && checked.types->find(n.type->name) == n.type;
    if (read[i] || !named || n.type->role == Role::ordered || n.type->outputs.empty()) continue;
    checked.notes.push_back(fmt::format("{}: {}: no node reads what it gives", to_string(n.where),
                                        owner_of(n.path, n.type->name)));
  }
}

// An optimiser that lacks its 'minimize' counts: that fault is enough.
bool anything_minimizes(const Tree& nodes, const Catalog& catalog) {
  return std::any_of(nodes.entries.begin(), nodes.entries.end(), [&](const Entry& e) {
    if (!e.value.is_map()) return false;
    const Tree* type = e.value.find("type");
    const NodeType* optimiser = type && type->is_scalar() ? catalog.find(type->text) : nullptr;
    return e.value.find("minimize") || (optimiser && optimiser->minimizes);
  });
}

// Else each weight of its checkpoint would be a fault.
void refuse_uncalled(Checking& checking) {
  const Tree* several = checking.file.find("models");
  for (const TrainedModel& model : checking.checked.trained_models)
    if (!checking.called.count(model.section))
      checking.fault(
          (several ? several->find(model.section) : checking.file.find(model.section))->where,
          fmt::format("section '{0}': no node calls it, so the weights of '{1}' have no place here; "
                      "a node of {2} calls it",
                      model.section, model.from,
                      several ? "'type: model, model: " + model.section + "'" : "'type: model'"));
}

// Frames of a step are in several processes, and only what comes once a step is brought together.
void refuse_frames_in_order(Checking& checking) {
  for (const CheckedNode& n : checking.checked.nodes)
    if (n.type->role == Role::ordered && n.type->rate == Rate::frame)
      checking.fault(
          n.where, fmt::format("{}: takes every frame of a training in order, which {} processes that share "
                               "its steps cannot give it; run one process, or take the node out",
                               owner_of(n.path, n.type->name), checking.checked.run.ranks));
}

}  // namespace

Checked Checking::result() {
  if (!file.is_map()) throw UserError(file.where, "a pipeline is a map with the key 'nodes'");
  const Tree* nodes = file.find("nodes");
  if (!nodes || !nodes->is_map() || nodes->entries.empty())
    throw UserError(nodes ? nodes->where : file.where, "a pipeline needs 'nodes': a map from names to nodes");
  checked.run.training = options.training || anything_minimizes(*nodes, catalog);
  guarded([&] { read_sections(); });
  guarded([&] { read_run(); });
  if (checked.run.micro_batch < 1) checked.run.micro_batch = 1;
  const std::size_t before = faults.size();
  guarded([&] { find_models(); });
  models_broken = faults.size() != before;
  if (lacks_types) throw UserError(std::move(faults));  // all that needs them would be a fault as well
  Scope scope;
  guarded([&] { check_nodes(*nodes, scope, ""); });
  find_averages(scope);
  for (const auto& [name, model] : models)
    if (!called.count(name) && checked.trained_models.empty() && !options.model)
      checked.notes.push_back(fmt::format("section '{}' is called by no node", name));
  if (faults.empty()) refuse_uncalled(*this);
  for (const auto& section : sections)
    if (!failed_sections.count(section.first))
      guarded([&] { resource(section.first, "", section.second.where); });
  if (!checked.run.training) guarded([&] { count_images(*this); });
  if (faults.empty()) guarded([&] { check_gradients(); });
  if (checked.run.training && checked.run.ranks > 1) refuse_frames_in_order(*this);
  if (!faults.empty()) throw UserError(std::move(faults));
  note_unread(checked);
  return std::move(checked);
}

std::map<std::string, std::string> Checked::fingerprints() const {
  std::map<std::string, std::string> found;
  for (const CheckedNode& n : nodes)
    if (const auto* data = dynamic_cast<const DataSet*>(n.node.get())) found[n.path] = data->fingerprint();
  return found;
}

Checked check(const Tree& file, const Catalog& catalog, const CheckOptions& options) {
  return Checking(file, catalog, options).result();
}

}  // namespace dagfusion
