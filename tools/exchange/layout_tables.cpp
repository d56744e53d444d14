// How other programs name the tensors of a U-Net, as tables.
#include "tools/exchange/layouts.h"

namespace dagfusion {

namespace {

using Below = TensorLayout::Below;
using Leaves = std::vector<TensorLayout::Leaf>;
using Places = std::vector<TensorLayout::Place>;

// {i}: level, {r}: level counted from the last one, {j}: number of the block, {J}: the same from 1.
// {n}, {k}: OpenAI counts blocks and halvings in one row, and layers within each of them.
// {s}, {half}, {twice}, {least}: EDM names levels by their height: that of this level, the next, the one before, the last.

Places places_of_diffusers() {
  return {{"conv_in", "conv_in"},
          {"time/linear1", "time_embedding.linear_1"},
          {"time/linear2", "time_embedding.linear_2"},
          {"class_embedding", "class_embedding"},
          {"down{i}/block{j}", "down_blocks.{i}.resnets.{j}", Below::block},
          {"down{i}/attention{j}", "down_blocks.{i}.attentions.{j}", Below::attention},
          {"down{i}/downsample", "down_blocks.{i}.downsamplers.0", Below::down},
          {"mid/block{j}", "mid_block.resnets.{j}", Below::block},
          {"mid/attention", "mid_block.attentions.0", Below::attention},
          {"up{i}/block{j}", "up_blocks.{r}.resnets.{j}", Below::block},
          {"up{i}/attention{j}", "up_blocks.{r}.attentions.{j}", Below::attention},
          {"up{i}/upsample", "up_blocks.{r}.upsamplers.0", Below::up},
          {"norm_out", "conv_norm_out"},
          {"conv_out", "conv_out"}};
}

Leaves block_of_diffusers() {
  return {{"norm1", "norm1"}, {"conv1", "conv1"}, {"time", "time_emb_proj"},
          {"norm2", "norm2"}, {"conv2", "conv2"}, {"shortcut", "conv_shortcut"}};
}

TensorLayout of_diffusers() {
  return {.name = "diffusers",
          .words = "diffusers' UNet2DModel",
          .sign = "down_blocks.0.resnets.0.conv1.weight",
          .unless = "mid_block.attentions.0.query.weight",
          .places = places_of_diffusers(),
          .block = block_of_diffusers(),
          .attention =
              {{"norm", "group_norm"}, {"q", "to_q"}, {"k", "to_k"}, {"v", "to_v"}, {"proj", "to_out.0"}},
          .down_conv = "conv",
          .up_conv = "conv"};
}

TensorLayout of_old_diffusers() {
  return {.name = "diffusers_old",
          .words = "diffusers' UNet2DModel with its names of attention before 0.15",
          .sign = "mid_block.attentions.0.query.weight",
          .places = places_of_diffusers(),
          .block = block_of_diffusers(),
          .attention =
              {{"norm", "group_norm"}, {"q", "query"}, {"k", "key"}, {"v", "value"}, {"proj", "proj_attn"}},
          .down_conv = "conv",
          .up_conv = "conv"};
}

TensorLayout of_ddpm() {
  return {.name = "ddpm",
          .words = "the original DDPM's, as pesser and ermongroup ported it to PyTorch",
          .sign = "temb.dense.0.weight",
          .places = {{"conv_in", "conv_in"},
                     {"time/linear1", "temb.dense.0"},
                     {"time/linear2", "temb.dense.1"},
                     {"down{i}/block{j}", "down.{i}.block.{j}", Below::block},
                     {"down{i}/attention{j}", "down.{i}.attn.{j}", Below::attention},
                     {"down{i}/downsample", "down.{i}.downsample", Below::down},
                     {"mid/block{j}", "mid.block_{J}", Below::block},
                     {"mid/attention", "mid.attn_1", Below::attention},
                     {"up{i}/block{j}", "up.{i}.block.{j}", Below::block},
                     {"up{i}/attention{j}", "up.{i}.attn.{j}", Below::attention},
                     {"up{i}/upsample", "up.{i}.upsample", Below::up},
                     {"norm_out", "norm_out"},
                     {"conv_out", "conv_out"}},
          .block = {{"norm1", "norm1"},
                    {"conv1", "conv1"},
                    {"time", "temb_proj"},
                    {"norm2", "norm2"},
                    {"conv2", "conv2"},
                    {"shortcut", "nin_shortcut"}},
          .attention = {{"norm", "norm"}, {"q", "q"}, {"k", "k"}, {"v", "v"}, {"proj", "proj_out"}},
          .down_conv = "conv",
          .up_conv = "conv"};
}

TensorLayout of_openai() {
  return {.name = "openai",
          .words = "OpenAI's improved-diffusion or guided-diffusion",
          .sign = "input_blocks.0.0.weight",
          .places = {{"conv_in", "input_blocks.0.0"},
                     {"time/linear1", "time_embed.0"},
                     {"time/linear2", "time_embed.2"},
                     {"class_embedding", "label_emb"},
                     {"down{i}/block{j}", "input_blocks.{n}.0", Below::block},
                     {"down{i}/attention{j}", "input_blocks.{n}.1", Below::attention},
                     {"down{i}/downsample", "input_blocks.{n}.0", Below::down},
                     {"mid/block0", "middle_block.0", Below::block},
                     {"mid/attention", "middle_block.1", Below::attention},
                     {"mid/block1", "middle_block.2", Below::block},
                     {"up{i}/block{j}", "output_blocks.{n}.0", Below::block},
                     {"up{i}/attention{j}", "output_blocks.{n}.1", Below::attention},
                     {"up{i}/upsample", "output_blocks.{n}.{k}", Below::up},
                     {"norm_out", "out.0"},
                     {"conv_out", "out.2"}},
          .block = {{"norm1", "in_layers.0"},
                    {"conv1", "in_layers.2"},
                    {"time", "emb_layers.1"},
                    {"norm2", "out_layers.0"},
                    {"conv2", "out_layers.3"},
                    {"shortcut", "skip_connection"}},
          .attention =
              {{"norm", "norm"}, {"q", "qkv", 0}, {"k", "qkv", 1}, {"v", "qkv", 2}, {"proj", "proj_out"}},
          .down_conv = "op",
          .up_conv = "conv",
          .attention_sides = 3};
}

Places places_of_edm(const std::string& norm_out, const std::string& conv_out) {
  return {{"conv_in", "enc.{s}_conv"},
          {"time/linear1", "map_layer0"},
          {"time/linear2", "map_layer1"},
          {"class_embedding", "map_label"},
          {"augment_embedding", "map_augment"},
          {"down{i}/block{j}", "enc.{s}_block{j}", Below::block},
          {"down{i}/attention{j}", "enc.{s}_block{j}", Below::attention},
          {"down{i}/downsample", "enc.{half}_down", Below::down},
          {"mid/block{j}", "dec.{least}_in{j}", Below::block},
          {"mid/attention", "dec.{least}_in0", Below::attention},
          {"up{i}/block{j}", "dec.{s}_block{j}", Below::block},
          {"up{i}/attention{j}", "dec.{s}_block{j}", Below::attention},
          {"up{i}/upsample", "dec.{twice}_up", Below::up},
          {"norm_out", norm_out},
          {"conv_out", conv_out}};
}

Leaves block_of_edm() {
  return {{"norm1", "norm0"}, {"conv1", "conv0"}, {"time", "affine"},
          {"norm2", "norm1"}, {"conv2", "conv1"}, {"shortcut", "skip"}};
}

Leaves attention_of_edm() {
  return {{"norm", "norm2"}, {"q", "qkv", 0}, {"k", "qkv", 1}, {"v", "qkv", 2}, {"proj", "proj"}};
}

TensorLayout of_song() {
  return {.name = "edm_song",
          .words = "EDM's SongUNet",
          .sign = "map_layer0.weight",
          .unless = "out_conv.weight",
          .places = places_of_edm("dec.{s}_aux_norm", "dec.{s}_aux_conv"),
          .block = block_of_edm(),
          .attention = attention_of_edm(),
          .classes = TensorLayout::Classes::scaled_columns,
          .constants = "resample_filter"};
}

TensorLayout of_dhariwal() {
  return {.name = "edm_adm",
          .words = "EDM's DhariwalUNet",
          .sign = "out_conv.weight",
          .places = places_of_edm("out_norm", "out_conv"),
          .block = block_of_edm(),
          .attention = attention_of_edm(),
          .classes = TensorLayout::Classes::columns,
          .constants = "resample_filter"};
}

Places places_of_denoising_diffusion_pytorch() {
  return {{"conv_in", "init_conv"},
          {"time/linear1", "time_mlp.1"},
          {"time/linear2", "time_mlp.3"},
          {"down{i}/block{j}", "downs.{i}.{j}", Below::block},
          {"down{i}/linear_attention", "downs.{i}.2", Below::linear_attention},
          {"down{i}/attention", "downs.{i}.2", Below::attention},
          {"down{i}/downsample/conv", "downs.{i}.3.1"},
          {"down{i}/conv", "downs.{i}.3"},
          {"mid/block{j}", "mid_block{J}", Below::block},
          {"mid/attention", "mid_attn", Below::attention},
          {"up{i}/block{j}", "ups.{r}.{j}", Below::block},
          {"up{i}/linear_attention", "ups.{r}.2", Below::linear_attention},
          {"up{i}/attention", "ups.{r}.2", Below::attention},
          {"up{i}/upsample/conv", "ups.{r}.3.1"},
          {"up{i}/conv", "ups.{r}.3"},
          {"block_out", "final_res_block", Below::block},
          {"conv_out", "final_conv"}};
}

TensorLayout of_denoising_diffusion_pytorch() {
  return {.name = "denoising_diffusion_pytorch",
          .words = "denoising-diffusion-pytorch's Unet",
          .sign = "downs.0.0.block1.proj.weight",
          .places = places_of_denoising_diffusion_pytorch(),
          .block = {{"time", "mlp.1"},
                    {"conv1", "block1.proj"},
                    {"norm1", "block1.norm.g", -1, true},
                    {"conv2", "block2.proj"},
                    {"norm2", "block2.norm.g", -1, true},
                    {"shortcut", "res_conv"}},
          .attention = {{"norm", "norm.g", -1, true},
                        {"q", "to_qkv", 0},
                        {"k", "to_qkv", 1},
                        {"v", "to_qkv", 2},
                        {"attention", "mem_kv", -1, true},
                        {"proj", "to_out"}},
          .linear_attention = {{"norm", "norm.g", -1, true},
                               {"q", "to_qkv", 0},
                               {"k", "to_qkv", 1},
                               {"v", "to_qkv", 2},
                               {"attention", "mem_kv", -1, true},
                               {"proj", "to_out.0"},
                               {"norm_out", "to_out.1.g", -1, true}}};
}

}  // namespace

const std::vector<TensorLayout>& tensor_layouts() {
  static const std::vector<TensorLayout> all = {of_diffusers(),
                                                of_old_diffusers(),
                                                of_ddpm(),
                                                of_openai(),
                                                of_song(),
                                                of_dhariwal(),
                                                of_denoising_diffusion_pytorch()};
  return all;
}

}  // namespace dagfusion
