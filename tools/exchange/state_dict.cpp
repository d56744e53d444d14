#include "tools/exchange/state_dict.h"

#include <fmt/format.h>

#include <charconv>

#include "graph/document/fault.h"

namespace dagfusion {

namespace {

class Shapes {
 public:
  Shapes(const TensorFile& file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}

  bool has(const std::string& name) const { return file_.tensors().count(prefix_ + name) != 0; }
  std::int64_t side(const std::string& name, std::size_t i) const {
    const auto found = file_.tensors().find(prefix_ + name);
    if (found == file_.tensors().end()) fail(fmt::format("has no tensor '{}{}'", prefix_, name));
    if (found->second.shape.size() <= i)
      fail(fmt::format("has a tensor '{}{}' of {}", prefix_, name, to_string(found->second.shape)));
    return found->second.shape[i];
  }
  const std::string& prefix() const { return prefix_; }
  const std::map<std::string, TensorFile::Facts>& all() const { return file_.tensors(); }
  // The same of a width, which must not be 0.
  std::int64_t width(const std::string& name, std::size_t i) const {
    const std::int64_t found = side(name, i);
    if (found < 1) fail(fmt::format("has a tensor '{}{}' without channels", prefix_, name));
    return found;
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw UserError({}, fmt::format("'{}' {}", file_.path().string(), what));
  }

 private:
  const TensorFile& file_;
  std::string prefix_;
};

constexpr std::int64_t kMostBlocks = 64;  // of a level, and levels

void add_level(Network& network, std::int64_t width, bool attention) {
  network.widths.push_back(width);
  network.attention.push_back(attention);
}

Network openai(const Shapes& shapes, std::vector<std::string>& notes) {
  Network network;
  network.channels = shapes.width("input_blocks.0.0.weight", 0);
  network.input = {shapes.side("input_blocks.0.0.weight", 1)};
  network.out_channels = shapes.side("out.2.weight", 0);
  if (shapes.side("time_embed.0.weight", 1) != network.channels)
    shapes.fail(fmt::format(
        "has a first convolution of {} channels, but a time embedding of {}; here both are the same",
        network.channels, shapes.side("time_embed.0.weight", 1)));
  // On the way up a level ends with the layer that doubles the sides.
  std::int64_t row = 0;
  const auto block = [](const char* side, std::int64_t n, std::int64_t k) {
    return fmt::format("{}_blocks.{}.{}.", side, n, k);
  };
  bool by_block = false, by_conv = false;
  for (std::int64_t n = 0; n < kMostBlocks && row == 0; ++n)
    for (std::int64_t k : {1, 2}) {
      by_conv = by_conv || shapes.has(block("output", n, k) + "conv.weight");
      by_block = by_block || shapes.has(block("output", n, k) + "in_layers.0.weight");
      if (by_conv || by_block) {
        row = n + 1;
        break;
      }
    }
  std::int64_t outputs = 0;
  while (outputs < kMostBlocks * kMostBlocks &&
         shapes.has(block("output", outputs, 0) + "in_layers.0.weight"))
    ++outputs;
  const bool pooled = row == 0 && !shapes.has(block("input", outputs - 1, 0) + "in_layers.0.weight");
  if (pooled)
    shapes.fail(
        "changes sides without weights, so that no tensor says where its levels end; this is not read");
  if (row == 0) row = outputs;
  network.blocks = row - 1;
  if (outputs == 0 || network.blocks < 1 || outputs % row != 0)
    shapes.fail("has blocks that are not those of a U-Net");
  for (std::int64_t i = 0; i < outputs / row; ++i)
    add_level(network, shapes.side(block("input", 1 + i * row, 0) + "out_layers.3.weight", 0),
              shapes.has(block("input", 1 + i * row, 1) + "qkv.weight"));
  const std::int64_t first_width = shapes.side("input_blocks.1.0.out_layers.3.weight", 0);
  network.style = style_of(by_block ? "adm" : "iddpm");
  network.style.film = shapes.side("input_blocks.1.0.emb_layers.1.weight", 0) == 2 * first_width;
  network.null_class = false;
  if (shapes.has("label_emb.weight")) network.classes = shapes.side("label_emb.weight", 0);
  notes.push_back(by_block ? "taken for granted: attention has 64 channels a head (model.head_channels=64)"
                           : "taken for granted: attention has 4 heads (model.heads=4)");
  return network;
}

Network original(const Shapes& shapes, std::vector<std::string>&) {
  Network network;
  network.channels = shapes.width("conv_in.weight", 0);
  network.input = {shapes.side("conv_in.weight", 1)};
  network.out_channels = shapes.side("conv_out.weight", 0);
  network.blocks = 0;
  while (network.blocks < kMostBlocks &&
         shapes.has(fmt::format("down.0.block.{}.conv1.weight", network.blocks)))
    ++network.blocks;
  for (std::int64_t i = 0; i < kMostBlocks && shapes.has(fmt::format("down.{}.block.0.conv1.weight", i)); ++i)
    add_level(network, shapes.side(fmt::format("down.{}.block.0.conv1.weight", i), 0),
              shapes.has(fmt::format("down.{}.attn.0.q.weight", i)));
  return network;
}

// Height of the images, which is part of EDM's names: "enc.32x32_conv.weight".
std::int64_t height_in_names(const Shapes& shapes) {
  const std::string begin = shapes.prefix() + "enc.";
  for (const auto& [name, facts] : shapes.all()) {
    std::int64_t height = 0;
    if (!name.starts_with(begin)) continue;
    std::from_chars(name.data() + begin.size(), name.data() + name.size(), height);
    if (height > 0 && name == fmt::format("{0}{1}x{1}_conv.weight", begin, height)) return height;
  }
  shapes.fail(fmt::format("has no tensor '{}enc.32x32_conv.weight', or of another size", shapes.prefix()));
}

void refuse_ncsnpp(const Shapes& shapes) {
  const auto refuse = [&](const std::string& name, const char* what) {
    shapes.fail(
        fmt::format("has '{}{}': {}, as NCSN++ has, which is not known here", shapes.prefix(), name, what));
  };
  for (const auto& [name, facts] : shapes.all()) {
    if (!name.starts_with(shapes.prefix())) continue;
    const std::string rest = name.substr(shapes.prefix().size());
    if (rest == "map_noise.freqs") refuse(rest, "an embedding of random frequencies");
    if (rest.find("_aux_down") != rest.npos || rest.find("_aux_residual") != rest.npos)
      refuse(rest, "a pyramid of smaller images beside the way down");
    if (rest.find("_aux_up") != rest.npos) refuse(rest, "a sum of images of all levels");
    if (rest.ends_with(".resample_filter") && facts.shape != Shape{1, 1, 2, 2})
      refuse(rest, "sides change with a smooth filter");
  }
}

Network edm(const Shapes& shapes, bool song, std::vector<std::string>& notes) {
  Network network;
  const std::int64_t height = height_in_names(shapes);
  refuse_ncsnpp(shapes);
  const auto at = [&](std::int64_t level, const char* rest) {
    return fmt::format("enc.{0}x{0}_{1}", height >> level, rest);
  };
  const std::string last = song ? fmt::format("dec.{0}x{0}_aux_conv.weight", height) : "out_conv.weight";
  network.input = {shapes.side(at(0, "conv.weight"), 1), height, height};
  network.channels = shapes.width(at(0, "conv.weight"), 0);
  network.out_channels = shapes.side(last, 0);
  if (shapes.side("map_layer0.weight", 1) != network.channels)
    shapes.fail(fmt::format(
        "has a first convolution of {} channels, but a time embedding of {}; here both are the same",
        network.channels, shapes.side("map_layer0.weight", 1)));
  network.blocks = 0;
  while (network.blocks < kMostBlocks &&
         shapes.has(at(0, fmt::format("block{}.conv0.weight", network.blocks).c_str())))
    ++network.blocks;
  for (std::int64_t i = 0; (height >> i) > 0 && shapes.has(at(i, "block0.conv0.weight")); ++i)
    add_level(network, shapes.side(at(i, "block0.conv1.weight"), 0), shapes.has(at(i, "block0.qkv.weight")));
  network.style = style_of(song ? "ddpmpp" : "adm");
  network.style.group_channels = style_of("ddpmpp").group_channels;
  network.style.augment_at = "start";
  if (shapes.has("map_label.weight")) network.classes = shapes.side("map_label.weight", 1);
  if (shapes.has("map_augment.weight")) network.augment = shapes.side("map_augment.weight", 1);
  if (!song) notes.push_back("taken for granted: attention has 64 channels a head (model.head_channels=64)");
  return network;
}

Network denoising_diffusion_pytorch(const Shapes& shapes, std::vector<std::string>& notes) {
  Network network;
  network.type = "linear_attention_unet";
  if (shapes.has("time_mlp.0.weights"))
    shapes.fail(
        fmt::format("has '{}time_mlp.0.weights': an embedding of learned or random frequencies "
                    "(learned_sinusoidal_cond, random_fourier_features), which is not known here",
                    shapes.prefix()));
  network.channels = shapes.width("init_conv.weight", 0);
  network.input = {shapes.side("init_conv.weight", 1)};
  network.out_channels = shapes.side("final_conv.weight", 0);
  if (network.input[0] == 2 * network.out_channels)
    shapes.fail(fmt::format("takes {} channels and gives {}: self-conditioning, which is not known here",
                            network.input[0], network.out_channels));
  if (network.input[0] % 2 == 0 && network.input[0] == network.out_channels)
    notes.push_back(fmt::format(
        "taken for granted: images of {} channels; self_condition with learned_variance, which is "
        "not known here, has the same shapes over images of {}",
        network.input[0], network.input[0] / 2));
  if (shapes.side("time_mlp.1.weight", 1) != network.channels)
    shapes.fail(fmt::format(
        "has a first convolution of {} channels, but a time embedding of {}; here both are the same",
        network.channels, shapes.side("time_mlp.1.weight", 1)));
  for (std::int64_t i = 0; i < kMostBlocks && shapes.has(fmt::format("downs.{}.0.block1.proj.weight", i));
       ++i) {
    const std::string halves = fmt::format("downs.{}.3.1.weight", i),
                      last = fmt::format("downs.{}.3.weight", i);
    const std::int64_t width = shapes.side(shapes.has(halves) ? halves : last, 0);
    if (width % network.channels != 0)
      shapes.fail(
          fmt::format("has a level of {} channels behind a first convolution of {}; here the widths of this "
                      "network are multiples of that",
                      width, network.channels));
    add_level(network, width, shapes.has(fmt::format("downs.{}.2.to_out.weight", i)));
  }
  network.style.heads = shapes.side("mid_attn.mem_kv", 1);
  network.memory = shapes.side("mid_attn.mem_kv", 2);
  network.style.head_channels = shapes.side("mid_attn.mem_kv", 3);
  return network;
}

Network of_tensors(const Shapes& shapes, const std::string& layout, std::vector<std::string>& notes) {
  if (layout == "openai") return openai(shapes, notes);
  if (layout == "denoising_diffusion_pytorch") return denoising_diffusion_pytorch(shapes, notes);
  return original(shapes, notes);
}

}  // namespace

Network network_of(const TensorFile& file, const FoundNetwork& found, std::int64_t size,
                   std::vector<std::string>& notes) {
  const Shapes shapes(file, found.prefix);
  if (found.layout->name.starts_with("diffusers"))
    shapes.fail("lies alone, but UNet2DModel's config.json must lie beside it: it says what no tensor says");
  if (found.layout->name.starts_with("edm")) {
    Network network = edm(shapes, found.layout->name == "edm_song", notes);
    if (size != 0 && size != network.input.at(1))
      shapes.fail(fmt::format("is of images of {0}x{0}, but --size is {1}", network.input.at(1), size));
    return network;
  }
  if (size == 0)
    shapes.fail(
        "does not say how large its images are, which no tensor says; say it with --size, such as --size 32");
  Network network = of_tensors(shapes, found.layout->name, notes);
  network.input.insert(network.input.end(), 2, size);
  return network;
}

}  // namespace dagfusion
