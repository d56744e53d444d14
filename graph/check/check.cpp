#include "graph/check/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "graph/check/checking.h"
#include "graph/compose/block.h"

namespace dagfusion {

namespace {

// A whole number or "auto" (-1).
int number_or_auto(const Parameters& run, const std::string& name, int largest) {
  const std::string& text = run.text(name);
  if (text == "auto") return -1;
  const bool digits =
      !text.empty() && text.size() < 8 && text.find_first_not_of("0123456789") == std::string::npos;
  const int value = digits ? std::stoi(text) : 0;
  if (value < 1 || value > largest)
    run.fail(name, fmt::format("'{}' is {}; it must be auto or a number from 1 to {}", name, text, largest));
  return value;
}

std::int64_t largest_divisor(std::int64_t of, std::int64_t at_most) {
  std::int64_t divisor = std::min(of, at_most);
  while (of % divisor != 0) --divisor;
  return divisor;
}

}  // namespace

std::string owner_of(const std::string& path, const std::string& type) {
  return fmt::format("node '{}' ({})", path, type);
}

Checking::Checking(const Tree& file_, const Catalog& given, const CheckOptions& options_)
    : file(file_),
      options(options_),
      types(std::make_shared<Catalog>(with_own_types(given, file))),
      catalog(*types) {
  checked.types = types;
  checked.weights = options.weights ? options.weights : std::make_shared<WeightTable>();
}

void Checking::read_run() {
  const Tree* tree = file.find("run");
  const Tree none;
  const std::size_t before = faults.size();
  const Parameters run = Parameters::read(tree ? *tree : none, run_parameters(), {}, "section 'run'", faults);
  if (faults.size() != before) return;
  RunSettings& settings = checked.run;
  settings.channel_block = options.channel_block;
  settings.seed = static_cast<std::uint64_t>(run.integer("seed"));
  settings.output = run.text("output");
  settings.winograd = run.flag("winograd");
  const bool half = run.text("precision") == "bfloat16";
  if (half && !options.bfloat16)
    run.fail("precision",
             "'precision' is bfloat16, which this build cannot compute on this core; float32 runs anywhere");
  settings.activation = half ? DType::bf16 : DType::f32;
  if (run.has("images")) checked.images = run.integer("images");
  settings.lanes = number_or_auto(run, "lanes", 1024);
  settings.threads = number_or_auto(run, "threads", 1024);
  settings.frames_in_flight = number_or_auto(run, "frames_in_flight", 4096);
  settings.micro_batch = number_or_auto(run, "micro_batch", 4096);
  const Position where = tree ? tree->where : file.where;
  if (settings.training) {
    std::vector<std::string> missing;
    for (const char* needed : {"steps", "batch_size"})
      if (!run.has(needed)) missing.push_back(fmt::format("'{}'", needed));
    if (!missing.empty())
      fault(where,
            fmt::format("section 'run' lacks {}, which training needs, like run: {{steps: 1000, batch_size: "
                        "64}}",
                        fmt::join(missing, " and ")));
    if (run.has("images"))
      run.fail("images", "'images' is for pipelines that train nothing; training counts 'steps'");
    if (!run.has("steps") || !run.has("batch_size")) return;
    settings.steps = run.integer("steps");
    settings.batch_size = run.integer("batch_size");
    if (settings.micro_batch < 0) settings.micro_batch = options.auto_micro_batch;
    if (settings.batch_size % settings.micro_batch != 0)
      run.fail("micro_batch",
               fmt::format("'micro_batch' is {}, which does not divide the batch_size {}; {} would do",
                           settings.micro_batch, settings.batch_size,
                           largest_divisor(settings.batch_size, settings.micro_batch)));
  } else {
    for (const char* unused : {"steps", "batch_size"})
      if (run.has(unused))
        run.fail(unused,
                 fmt::format("'{}' is for training, but no node of this file minimizes anything", unused));
    if (settings.micro_batch < 0) settings.micro_batch = options.auto_micro_batch;
    settings.batch_size = settings.micro_batch;
  }
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

const Resource& Checking::resource(const std::string& name, const std::string& owner, const Position& where) {
  if (auto made = checked.resources.find(name); made != checked.resources.end()) return *made->second;
  const SectionType* type = catalog.section(name);
  const auto entry = sections.find(name);
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

// How many images a graph without training sends through: what its data sets hold, and all must agree.
void count_images(Checking& checking) {
  Checked& checked = checking.checked;
  const CheckedNode* counted = nullptr;
  std::int64_t count = 0;
  for (const CheckedNode& n : checked.nodes) {
    const auto* data = dynamic_cast<const DataSet*>(n.node.get());
    if (!data || !data->size()) continue;
    if (counted && *data->size() != count)
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

// An optimiser that lacks its 'minimize' counts: that fault is enough.
bool anything_minimizes(const Tree& nodes, const Catalog& catalog) {
  return std::any_of(nodes.entries.begin(), nodes.entries.end(), [&](const Entry& e) {
    if (!e.value.is_map()) return false;
    const Tree* type = e.value.find("type");
    const NodeType* optimiser = type && type->is_scalar() ? catalog.find(type->text) : nullptr;
    return e.value.find("minimize") || (optimiser && optimiser->minimizes);
  });
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
  for (const auto& [name, model] : models)
    if (!called.count(name) && checked.model_from.empty() && !options.model)
      checked.notes.push_back(fmt::format("section '{}' is called by no node", name));
  if (faults.empty() && !checked.model_from.empty() &&
      called.empty())  // else each of its weights would be one
    fault(
        file.find("model")->where,
        fmt::format("section 'model': no node calls it, so the weights of '{}' have no place here; a node of "
                    "'type: model' calls it",
                    checked.model_from));
  for (const auto& [name, section] : sections)
    if (!failed_sections.count(name)) guarded([&] { resource(name, "", section.where); });
  if (!checked.run.training) guarded([&] { count_images(*this); });
  if (faults.empty()) guarded([&] { check_gradients(); });
  if (!faults.empty()) throw UserError(std::move(faults));
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
