#include "tools/exchange/import_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "graph/compose/change.h"
#include "graph/document/near_path.h"
#include "nodes/catalog.h"
#include "nodes/files/checkpoint_files.h"
#include "nodes/files/durable.h"
#include "nodes/files/run_directory.h"
#include "tools/exchange/diffusers_config.h"
#include "tools/exchange/layouts.h"
#include "tools/exchange/planned_network.h"
#include "tools/exchange/state_dict.h"
#include "tools/exchange/translation.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

// What lies where.
struct Source {
  fs::path tensors, config, scheduler, facts;  // empty: not there
};

fs::path first_of(const std::vector<fs::path>& candidates) {
  std::error_code ignored;
  for (const fs::path& path : candidates)
    if (fs::is_regular_file(path, ignored)) return path;
  return {};
}

Source find_source(const fs::path& given) {
  std::error_code ignored;
  if (!fs::exists(given, ignored))
    throw UserError(
        {{{},
          fmt::format("there is no file or folder '{}'{}", given.string(), path_suggestion(given.string())),
          FaultKind::missing_file}});
  const bool folder = fs::is_directory(given, ignored);
  const fs::path root = folder ? given : given.parent_path();
  const fs::path unet = fs::exists(root / "unet" / "config.json", ignored) ? root / "unet" : root;
  Source source;
  source.config = first_of({unet / "config.json"});
  source.scheduler = first_of({root / "scheduler" / "scheduler_config.json", root / "scheduler_config.json",
                               unet / ".." / "scheduler" / "scheduler_config.json"});
  source.facts = first_of({root / "dagfusion.json", unet / ".." / "dagfusion.json"});
  source.tensors = folder ? first_of({unet / "diffusion_pytorch_model.safetensors",
                                      unet / "diffusion_pytorch_model.safetensors.index.json",
                                      unet / "diffusion_pytorch_model.fp16.safetensors",
                                      unet / "diffusion_pytorch_model.bin"})
                          : given;
  if (source.tensors.empty())
    throw UserError(
        {},
        fmt::format("'{}' has no diffusion_pytorch_model.safetensors (or .bin) in it or in unet/; name the "
                    "file, if it is called otherwise",
                    given.string()));
  return source;
}

FoundNetwork choose_network(const TensorFile& file, const ImportRequest& request) {
  std::vector<FoundNetwork> found = find_networks(file.tensors());
  if (!request.as.empty())
    std::erase_if(found, [&](const FoundNetwork& f) { return !f.layout->name.starts_with(request.as); });
  std::vector<std::string> parts;
  for (const FoundNetwork& f : found) parts.push_back("'" + f.prefix + "'");
  if (!request.part.empty())
    std::erase_if(found, [&](const FoundNetwork& f) { return f.prefix != request.part; });
  const auto fail = [&](const std::string& what) {
    throw UserError({}, fmt::format("'{}' {}", file.path().string(), what));
  };
  if (found.size() > 1)
    fail(fmt::format("holds {} networks, below {}; say which with --part", found.size(),
                     fmt::join(parts, " and ")));
  if (found.size() == 1) return found.front();
  if (!parts.empty() && !request.part.empty())
    fail(fmt::format("holds no network below '{}'; it holds some below {}", request.part,
                     fmt::join(parts, " and ")));
  if (const std::string known = known_but_not_read(file.tensors()); !known.empty()) fail("holds " + known);
  std::vector<std::string> first;
  for (const auto& [name, facts] : file.tensors())
    if (first.size() < 3) first.push_back("'" + name + "'");
  std::vector<std::string> layouts;
  for (const TensorLayout& layout : tensor_layouts()) layouts.push_back(layout.words);
  fail(first.empty() ? "holds no tensors"
                     : fmt::format("holds {} tensors, such as {}, which are not those of {}",
                                   file.tensors().size(), fmt::join(first, ", "), fmt::join(layouts, "; ")));
  return {};
}

// What an export of ours says beside diffusers' words.
void take_own_facts(const fs::path& path, Network& network) {
  try {
    const auto facts = nlohmann::json::parse(read_text(path));
    network.null_class = facts.value("null_class", network.null_class);
    if (network.null_class && network.classes > 0) --network.classes;
    network.class_names = facts.value("classes", network.class_names);
    network.style.preset = style_of(facts.value("preset", network.style.preset)).preset;
    network.style.init = facts.value("init", network.style.init);
  } catch (const nlohmann::json::exception& error) {
    throw UserError({}, fmt::format("'{}' is not what an export writes: {}", path.string(), error.what()));
  }
}

std::string usual_diffusion(const Network& network, const TensorLayout& layout,
                            std::vector<std::string>& notes) {
  if (layout.name.starts_with("edm")) {
    const std::string text = "{process: edm, prediction: edm}";
    notes.push_back("taken for granted: diffusion " + text + ", as of EDMPrecond");
    return text;
  }
  if (layout.name == "denoising_diffusion_pytorch") {
    const bool learned = network.out_channels == 2 * network.input.at(0);
    const std::string text =
        learned ? "{schedule: sigmoid, timesteps: 1000, prediction: v, variance: learned_range}"
                : "{schedule: sigmoid, timesteps: 1000, prediction: v}";
    notes.push_back("taken for granted: diffusion " + text + ", as GaussianDiffusion without further words");
    return text;
  }
  const bool learned = network.out_channels == 2 * network.input.at(0);
  const std::string text =
      learned ? "{schedule: linear, timesteps: 1000, prediction: epsilon, variance: learned_range}"
              : "{schedule: linear, timesteps: 1000, prediction: epsilon}";
  notes.push_back("taken for granted: diffusion " + text + " (diffusion.schedule=cosine)");
  return text;
}

// Before anything is made as large as a file says.
void refuse_sizes(const Network& network, const fs::path& file) {
  constexpr std::int64_t kMostClasses = 65536, kLongestSide = 65536;
  const auto fail = [&](const std::string& what) {
    throw UserError({}, fmt::format("'{}' {}", file.string(), what));
  };
  if (network.classes < 0 || network.classes > kMostClasses)
    fail(fmt::format("says that there are {} classes; at most {} are known here", network.classes,
                     kMostClasses));
  for (const std::int64_t side : network.input)
    if (side < 1 || side > kLongestSide)
      fail(fmt::format("says that images are {}; sides of 1 to {} are known here", to_string(network.input),
                       kLongestSide));
}

// Of the pipelines that come with the program, the one that such a network fits, with what must be changed in it.
std::string drawing_arguments(const Network& network, const TensorLayout& layout, const fs::path& run) {
  const bool learned_variance = network.out_channels == 2 * network.input.at(0);
  const char* pipeline = network.classes > 0              ? "sample_classes"
                         : learned_variance               ? "sample_learned_variance"
                         : layout.name.starts_with("edm") ? "sample_heun"
                                                          : "sample";
  std::string text = fmt::format("pipelines/{}.yaml vars.checkpoint={}", pipeline, run.string());
  if (network.classes == 0) return text;
  if (!network.null_class)  // no guidance
    text += " 'nodes.denoise.loop.nodes.out={type: model, in: {x: carry.x, t: each.t, label: label}}'";
  if (learned_variance)
    text +=
        " --add 'nodes.denoise.loop.nodes.halves={type: split_channels, in: out}' "
        "nodes.denoise.loop.nodes.prev.in.prediction=halves.prediction";
  return text;
}

// How many classes there are, where labels are numbers that no table holds.
void settle_labels(Network& network, const std::vector<std::string>& settings, const fs::path& config,
                   std::vector<std::string>& notes) {
  if (network.label_vectors == Network::LabelVectors::as_they_are)
    notes.push_back(
        fmt::format("class_embed_type is identity: the {} numbers of each image's label enter the model "
                    "as input 'augment'",
                    network.augment));
  if (network.label_vectors != Network::LabelVectors::of_sines) return;
  const std::string key = "model.classes=";
  for (const std::string& text : settings)
    if (text.starts_with(key)) {
      network.classes = 0;
      std::from_chars(text.data() + key.size(), text.data() + text.size(), network.classes);
    }
  if (network.classes < 1)
    throw UserError({},
                    fmt::format("'{}' has 'class_embed_type': \"timestep\", where a label is any number; say "
                                "how many classes there are, such as model.classes=10",
                                config.string()));
  notes.push_back(
      fmt::format("class_embed_type is timestep: the vectors of classes 0 to {} are kept as a table",
                  network.classes - 1));
}

// The sections of the checkpoint, with what is typed on the command line.
Tree sections(const std::string& model, const std::string& diffusion,
              const std::vector<std::string>& settings) {
  Tree file = parse_document(fmt::format("diffusion: {}\nmodel: {}\n", diffusion, model), "imported network");
  std::vector<std::string> notes;
  for (const std::string& text : settings) {
    if (!text.starts_with("model.") && !text.starts_with("diffusion."))
      throw UserError({"command line"},
                      fmt::format("'{}': what can be set is model.KEY=VALUE and diffusion.KEY=VALUE", text));
    apply(file, read_override({.kind = Override::Kind::set, .text = text}), catalog(), notes);
  }
  return file;
}

ModelSource source_of(const Tree& sections, const Network& network) {
  ModelSource source{
      .model = *sections.find("model"), .sections = sections.entries, .input = network.input, .classes = {}};
  source.classes = network.class_names;
  for (std::int64_t i = 0; source.classes.size() < static_cast<std::size_t>(network.classes); ++i)
    source.classes.push_back(std::to_string(i));
  return source;
}

ThirdOrder third_order(const ImportRequest& request, const TensorLayout& layout) {
  if (layout.name.starts_with("edm")) return ThirdOrder::by_channels;
  if (layout.name == "denoising_diffusion_pytorch") return ThirdOrder::whole;
  return request.qkv == "legacy" ? ThirdOrder::by_heads : ThirdOrder::whole;
}

std::string dtypes_of(const TensorFile& file) {
  std::set<std::string> dtypes;
  for (const auto& [name, facts] : file.tensors()) dtypes.insert(facts.dtype);
  return fmt::format("{}", fmt::join(dtypes, ", "));
}

}  // namespace

Imported import_model(const ImportRequest& request) {
  Imported imported;
  std::vector<std::string>& notes = imported.notes;
  const Source source = find_source(request.source);
  const std::unique_ptr<TensorFile> file = open_tensor_file(source.tensors);
  const FoundNetwork found = choose_network(*file, request);
  notes.push_back(fmt::format("{}: {} tensors ({}, {}) of {}{}", source.tensors.string(),
                              file->tensors().size(), file->format(), dtypes_of(*file), found.layout->words,
                              found.prefix.empty() ? "" : ", below '" + found.prefix + "'"));
  const bool has_config = found.layout->name.starts_with("diffusers") && !source.config.empty();
  Network network = has_config ? read_unet_config(source.config, request.size, notes)
                               : network_of(*file, found, request.size, notes);
  if (has_config && source.facts.empty()) take_nearest_preset(network.style);
  if (has_config && !source.facts.empty()) take_own_facts(source.facts, network);
  settle_labels(network, request.settings, source.config, notes);
  refuse_sizes(network, has_config ? source.config : source.tensors);
  const std::string diffusion = has_config && !source.scheduler.empty()
                                    ? read_scheduler_config(source.scheduler, notes)
                                    : usual_diffusion(network, *found.layout, notes);
  const Tree kept = sections(section_text(network), diffusion, request.settings);
  const Planned planned = planned_network(source_of(kept, network));
  const Checked& checked = planned.checked;
  if (network.type == "unet") {
    const Network::LabelVectors vectors = network.label_vectors;
    network = read_network(*kept.find("model"), network.input, checked.classes);
    network.label_vectors = vectors;
  }
  imported.section = section_text(network);

  Translation translation(*file, found, network, third_order(request, *found.layout));
  const std::vector<StateTensor> tensors = translation.translate(*checked.weights);
  if (const std::string others = translation.others(); !others.empty())
    notes.push_back("left out: " + others);
  for (const StateTensor& tensor : tensors) imported.parameters += count_of(tensor.shape);

  const RunState state{.precision = "float32",
                       .model_input = network.input,
                       .classes = checked.classes,
                       .imported = found.layout->words};
  const RunDirectory directory = RunDirectory::create(request.output);
  imported.run = directory.path();
  imported.draw = drawing_arguments(network, *found.layout, imported.run);
  try {
    imported.checkpoint = write_imported_checkpoint(directory.path(), tensors, write_document(kept), state);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(directory.path(), ignored);
    throw;
  }
  return imported;
}

}  // namespace dagfusion
