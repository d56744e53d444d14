#include "tools/exchange/state_dict_writing.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <map>

#include "nodes/files/checkpoint_files.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/files/safetensors.h"
#include "nodes/files/weight_state.h"
#include "tools/exchange/layouts.h"
#include "tools/exchange/packing.h"
#include "tools/exchange/state_dict.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

const char* layout_of(const Network& network, const std::string& format) {
  if (format == "edm") return network.style.skip_scale != 1 ? "edm_song" : "edm_adm";
  for (const std::string& known : state_dict_formats())
    if (known == format) return known.c_str();
  throw std::logic_error("no format '" + format + "'");
}

ThirdOrder order_of(const std::string& format) {
  if (format == "edm") return ThirdOrder::by_channels;
  return format == "openai" ? ThirdOrder::by_heads : ThirdOrder::whole;
}

// What is put together of ours.
struct Made {
  Shape shape;
  std::function<std::vector<float>()> values;
};

class StateDict {
 public:
  StateDict(TensorFile& ours, const Network& network, const TensorLayout& layout, ThirdOrder order)
      : ours_(ours), network_(network), layout_(layout), order_(order) {}

  std::vector<StateTensor> tensors() {
    for (const auto& [name, facts] : ours_.tensors())
      if (name != kUpdates && name.starts_with("model/")) add(name, facts.shape);
    if (!layout_.constants.empty()) add_constants();
    std::vector<StateTensor> all;
    for (const auto& [name, made] : made_)
      all.push_back(
          {.name = name, .dtype = DType::f32, .shape = made.shape, .save = [made = made](std::byte* out) {
             const std::vector<float> values = made.values();
             std::memcpy(out, values.data(), values.size() * sizeof(float));
           }});
    return all;
  }

 private:
  void add(const std::string& name, Shape shape) {
    const auto theirs = their_tensor(layout_, network_, name);
    if (!theirs)
      throw UserError({}, fmt::format("'{}' has the weight '{}', which {} has no name for",
                                      ours_.path().string(), name, layout_.words));
    if (theirs->third >= 0) return add_third(*theirs, name, shape);
    if (theirs->classes != TensorLayout::Classes::rows) return add_columns(*theirs, name, shape);
    made_[theirs->name] = {theirs_shape(name, theirs->name, shape),
                           [this, name] { return ours_.read(name); }};
  }

  // The same values: layers over pixels are linear ones, or convolutions along one side, or norms of maps there.
  Shape theirs_shape(const std::string& name, const std::string& theirs, Shape shape) const {
    if (name.find("attention") != name.npos && shape.size() == 4 && !theirs.ends_with("mem_kv"))
      shape.resize(layout_.attention_sides);
    if (theirs.ends_with(".g")) shape = {1, shape[0], 1, 1};
    return shape;
  }

  void add_third(const TheirTensor& theirs, const std::string& name, Shape shape) {
    std::vector<std::string>& thirds = thirds_[theirs.name];
    thirds.resize(3);
    thirds[static_cast<std::size_t>(theirs.third)] = name;
    const std::int64_t channels = shape[0];
    shape = theirs_shape(name, theirs.name, shape);
    shape[0] *= 3;
    made_[theirs.name] = {shape, [this, &thirds, channels] {
                            std::vector<std::vector<float>> parts;
                            for (const std::string& part : thirds) parts.push_back(ours_.read(part));
                            return joined_thirds(parts, channels, network_.heads(channels), order_);
                          }};
  }

  // Vectors of classes side by side, [D,K].
  void add_columns(const TheirTensor& theirs, const std::string& name, const Shape& shape) {
    const bool scaled = theirs.classes == TensorLayout::Classes::scaled_columns;
    const std::int64_t dim = shape[1], classes = network_.classes;
    const std::vector<float> rows = ours_.read(name);
    std::vector<float> none(static_cast<std::size_t>(dim), 0);
    if (network_.null_class) none.assign(rows.end() - dim, rows.end());
    if (!scaled && std::any_of(none.begin(), none.end(), [](float v) { return v != 0; }))
      throw UserError({}, fmt::format("'{}': the vector of no class is not 0, which {} has no place for",
                                      ours_.path().string(), layout_.words));
    const float scale = scaled ? std::sqrt(static_cast<float>(classes)) : 1;
    made_[theirs.name] = {{dim, classes}, [=] { return columns_of_classes(rows, none, classes, scale); }};
    if (scaled)
      made_[theirs.name.substr(0, theirs.name.rfind('.')) + ".bias"] = {{dim}, [none] { return none; }};
  }

  // Blocks that change the sides keep the filter they do it with: means of four pixels.
  void add_constants() {
    for (std::int64_t i = 0; i + 1 < network_.levels(); ++i)
      for (const bool up : {false, true}) {
        const std::string ours = up ? fmt::format("model/up{}/upsample/conv1.weight", i + 1)
                                    : fmt::format("model/down{}/downsample/conv1.weight", i);
        const auto theirs = their_tensor(layout_, network_, ours);
        const std::string conv = theirs->name.substr(0, theirs->name.rfind('.'));
        for (const std::string& layer : {conv, conv.substr(0, conv.rfind('.')) + ".skip"})
          made_[layer + "." + layout_.constants] = {{1, 1, 2, 2},
                                                    [] { return std::vector<float>(4, 0.25f); }};
      }
  }

  TensorFile& ours_;
  const Network& network_;
  const TensorLayout& layout_;
  ThirdOrder order_;
  std::map<std::string, std::vector<std::string>> thirds_;
  std::map<std::string, Made> made_;
};

// What no tensor says: whoever imports it again says it.
Network as_told(Network read, const Network& network) {
  read.style.preset = network.style.preset;
  read.style.init = network.style.init;
  read.style.heads = network.style.heads;
  read.style.head_channels = network.style.head_channels;
  read.style.augment_at = network.augment > 0 ? read.style.augment_at : network.style.augment_at;
  read.style.class_at = network.classes > 0 ? read.style.class_at : network.style.class_at;
  read.dropout = network.dropout;
  read.null_class = network.null_class;
  read.class_names = network.class_names;
  return read;
}

// Their networks have fewer keys than ours: what is read from the names and shapes alone must be this one.
void refuse_another_network(const fs::path& file, const TensorLayout& layout, const Network& network,
                            std::vector<std::string>& notes) {
  const std::unique_ptr<TensorFile> written = open_tensor_file(file);
  const std::string ours = section_text(network);
  std::string theirs = "nothing that is recognised";
  for (const FoundNetwork& found : find_networks(written->tensors())) {
    if (found.layout != &layout) continue;
    Network read = as_told(network_of(*written, found, network.input.at(1), notes), network);
    const bool groups_are_said = layout.name.starts_with("edm");
    if (!groups_are_said) read.groups = network.groups;
    theirs = section_text(read);
  }
  if (theirs != ours)
    throw UserError(
        {}, fmt::format("section 'model': {} would be read as {} by {}; '--format onnx' writes any network",
                        ours, theirs, layout.words));
}

}  // namespace

const std::vector<std::string>& state_dict_formats() {
  static const std::vector<std::string> all = {"edm", "openai", "ddpm", "denoising_diffusion_pytorch"};
  return all;
}

std::vector<std::string> export_state_dict(const ExportRequest& request, const std::string& format) {
  require_new_file(request.folder);
  std::vector<std::string> notes, of_reading;
  const CheckpointFacts facts = open_checkpoint(request.checkpoint, notes);
  const Network network = read_network(model_section(facts), facts.model_input, facts.classes);
  const TensorLayout& layout = layout_named(layout_of(network, format));
  const std::unique_ptr<TensorFile> weights = open_tensor_file(weights_file(facts, request.weights));
  StateDict dict(*weights, network, layout, order_of(format));
  fs::path part = request.folder;
  part += ".part";
  try {
    write_safetensors(part, dict.tensors(), {{"format", "pt"}});
    refuse_another_network(part, layout, network, of_reading);
  } catch (...) {
    std::error_code ignored;
    fs::remove(part, ignored);
    throw;
  }
  fs::rename(part, request.folder);
  notes.push_back(fmt::format("the tensors of {} are in {} under the names of {}", facts.directory.string(),
                              request.folder.string(), layout.words));
  notes.push_back(fmt::format("read: network.load_state_dict(safetensors.torch.load_file('{}'))",
                              request.folder.string()));
  return notes;
}

}  // namespace dagfusion
