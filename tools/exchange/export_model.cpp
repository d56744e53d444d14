#include "tools/exchange/export_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "nodes/catalog.h"
#include "nodes/files/checkpoint_files.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/files/durable.h"
#include "nodes/files/safetensors.h"
#include "nodes/files/weight_state.h"
#include "tools/exchange/diffusers_config.h"
#include "tools/exchange/layouts.h"
#include "tools/exchange/model_card.h"
#include "tools/exchange/onnx_network.h"
#include "tools/exchange/planned_network.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

// The values of our file, under their names and in their shapes.
std::vector<StateTensor> renamed(TensorFile& ours, const Network& network, const std::string& model) {
  const TensorLayout& layout = layout_named("diffusers");
  std::vector<StateTensor> tensors;
  for (const auto& [name, facts] : ours.tensors()) {
    if (name == kUpdates || !name.starts_with(model + "/"))
      continue;  // of an average; of the training itself
    const auto theirs = their_tensor(layout, network, name);
    if (!theirs)
      throw UserError({}, fmt::format("'{}' has the weight '{}', which diffusers has no name for",
                                      ours.path().string(), name));
    Shape shape = facts.shape;
    const bool one_by_one =
        name.find("attention") != std::string::npos && shape.size() == 4;  // linear layers there
    if (one_by_one) shape.resize(2);
    tensors.push_back({.name = theirs->name,
                       .dtype = DType::f32,
                       .shape = shape,
                       .save = [&ours, name = name](std::byte* out) {
                         const std::vector<float> values = ours.read(name);
                         std::memcpy(out, values.data(), values.size() * sizeof(float));
                       }});
  }
  return tensors;
}

struct Diffusion {
  std::unique_ptr<Resource> made;
  Parameters parameters;
  const NoiseProcess& process() const { return dynamic_cast<const NoiseProcess&>(*made); }
};

Diffusion diffusion_of(const Tree& pipeline) {
  const Tree* section = pipeline.find("diffusion");
  if (!section) throw UserError({}, "the checkpoint's pipeline has no section 'diffusion'");
  std::vector<Fault> faults;
  const SectionType& type = *catalog().section("diffusion");
  Diffusion diffusion;
  diffusion.parameters = Parameters::read(*section, type.parameters, {}, "section 'diffusion'", faults);
  if (!faults.empty()) throw UserError(std::move(faults));
  diffusion.made = type.create(diffusion.parameters);
  return diffusion;
}

// Heading and last line of <run>/metrics.csv, behind which the checkpoint lies.
std::string last_measures(const fs::path& checkpoint) {
  std::ifstream file(checkpoint.parent_path().parent_path() / "metrics.csv");
  std::string heading, line, last;
  std::getline(file, heading);
  while (std::getline(file, line)) last = line;
  return last.empty() ? "" : heading + "\n" + last;
}

std::string model_index() {
  nlohmann::ordered_json index;
  index["_class_name"] = "DDPMPipeline";
  index["_diffusers_version"] = "0.27.2";
  index["scheduler"] = {"diffusers", "DDPMScheduler"};
  index["unet"] = {"diffusers", "UNet2DModel"};
  return index.dump(2) + "\n";
}

// What diffusers has no word for, for who imports it again.
std::string own_facts(const Exported& model) {
  nlohmann::ordered_json facts;
  facts["step"] = model.step;
  facts["weights"] = model.weights;
  if (model.network.classes > 0) {
    facts["classes"] = model.network.class_names;
    facts["null_class"] = model.network.null_class;
  }
  facts["preset"] = model.network.style.preset;
  facts["init"] = model.network.style.init;
  return facts.dump(2) + "\n";
}

void require_new_folder(const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(folder, ignored) && (!fs::is_directory(folder, ignored) || !fs::is_empty(folder, ignored)))
    throw UserError({}, fmt::format("'{}' is there already; name a new folder", folder.string()));
}

}  // namespace

std::vector<std::string> export_for_onnx(const ExportRequest& request) {
  require_new_file(request.folder);
  std::vector<std::string> notes;
  const CheckpointFacts facts = open_checkpoint(request.checkpoint, notes);
  const Tree* diffusion = facts.pipeline.find("diffusion");
  const Planned planned = planned_network({.model = model_section(facts),
                                           .sections = facts.pipeline.entries,
                                           .input = facts.model_input,
                                           .classes = facts.classes});
  const std::unique_ptr<TensorFile> weights = open_tensor_file(weights_file(facts, request.weights));
  std::map<std::string, std::string> metadata = {{"step", std::to_string(facts.step)}};
  if (diffusion) metadata["diffusion"] = write_document(*diffusion);
  const OnnxModel model = onnx_model(planned.checked, *weights, metadata);
  replace_file(request.folder, model.bytes);
  notes.push_back(fmt::format("the network of {} is in {} ({} bytes, opset 17): {} -> prediction",
                              facts.directory.string(), request.folder.string(), model.bytes.size(),
                              fmt::join(model.inputs, ", ")));
  return notes;
}

std::vector<std::string> export_for_diffusers(const ExportRequest& request) {
  require_new_folder(request.folder);
  std::vector<std::string> notes;
  const CheckpointFacts facts = open_checkpoint(request.checkpoint, notes);
  const fs::path weights = weights_file(facts, request.weights);
  const std::unique_ptr<TensorFile> ours = open_tensor_file(weights);
  const Diffusion diffusion = diffusion_of(facts.pipeline);
  Exported model{.network = read_network(model_section(facts), facts.model_input, facts.classes),
                 .flow = diffusion.process().name() == "flow",
                 .no_terminal_signal = diffusion.parameters.flag("zero_terminal_snr"),
                 .learned_variance = diffusion.parameters.text("variance") != "fixed",
                 .weights = weights.filename() == kLiveWeights ? "live" : weights.stem().string(),
                 .step = facts.step,
                 .pipeline = read_text(facts.directory / kPipeline),
                 .measures = last_measures(facts.directory)};
  refuse_own_style(model.network);
  const std::string unet = unet_config(model.network);
  const std::string scheduler = scheduler_config(diffusion.process(), diffusion.parameters);
  const std::vector<StateTensor> tensors = renamed(*ours, model.network, "model");
  for (const StateTensor& tensor : tensors) model.parameters += count_of(tensor.shape);

  const fs::path named = request.folder.filename().empty() ? request.folder.parent_path() : request.folder;
  fs::path part = named;
  part += ".part";
  fs::remove_all(part);
  fs::create_directories(part / "unet");
  fs::create_directories(part / "scheduler");
  write_safetensors(part / "unet" / "diffusion_pytorch_model.safetensors", tensors, {});
  replace_file(part / "unet" / "config.json", unet);
  replace_file(part / "scheduler" / "scheduler_config.json", scheduler);
  replace_file(part / "README.md", model_card(model));
  replace_file(part / kPipeline, model.pipeline);
  replace_file(part / "dagfusion.json", own_facts(model));
  if (needs_script(model)) replace_file(part / "sample.py", sampling_script(model));
  if (!model.flow) replace_file(part / "model_index.json", model_index());
  std::error_code ignored;
  fs::remove(named, ignored);  // it is empty
  fs::rename(part, named);

  notes.push_back(fmt::format("{} of {} ({} parameters, weights '{}', step {}) is in {}", "the U-Net",
                              facts.directory.string(), model.parameters, model.weights, model.step,
                              named.string()));
  notes.push_back(
      needs_script(model)
          ? fmt::format("draw: python {}/sample.py", named.string())
          : fmt::format(
                "draw: python -c \"from diffusers import {0}; {0}.from_pretrained('{1}')({2}).images[0].save("
                "'image.png')\"",
                model.learned_variance ? "DDPMPipeline" : "DDIMPipeline", named.string(),
                model.learned_variance ? "" : "use_clipped_model_output=True"));
  return notes;
}

}  // namespace dagfusion
