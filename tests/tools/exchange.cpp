// Networks of other programs as checkpoints, and back: golden/exchange.py wrote what they compute.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "graph/plan/plan.h"
#include "graph/run/run.h"
#include "nodes/dnnl/engine.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/files/tensor_file.h"
#include "tests/fixtures/fixed_images.h"
#include "tests/fixtures/golden.h"
#include "tests/fixtures/small_run.h"
#include "tools/exchange/diffusers_config.h"
#include "tools/exchange/export_model.h"
#include "tools/exchange/import_model.h"
#include "tools/exchange/layouts.h"
#include "tools/exchange/onnx_network.h"
#include "tools/exchange/protobuf.h"
#include "tools/exchange/state_dict_writing.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;
using Values = std::vector<float>;

fs::path golden_folder(const std::string& name) { return fs::path(DAGFUSION_GOLDEN) / "exchange" / name; }

Imported imported(const ScratchFolder& folder, const fs::path& source, ImportRequest request = {}) {
  request.source = source;
  request.output = folder.path() / "imported";
  return import_model(request);
}

// Keeps what comes along.
NodeType recorder(Values& into) {
  class Recorder final : public Ordered {
   public:
    Recorder(Setup& setup, Values& into) : x_(setup.input("x")), into_(into) {}
    void run(Call& call) override {
      const float* x = call.in<float>(x_);
      into_.insert(into_.end(), x, x + count_of(x_.spec.shape));
    }

   private:
    Input x_;
    Values& into_;
  };
  return {.name = "recorder",
          .summary = "Keeps what comes along.",
          .role = Role::ordered,
          .inputs = {{"x", "[...] f32", "anything"}},
          .create = [&into](Setup& setup) { return std::make_unique<Recorder>(setup, into); }};
}

// What the imported network makes of the inputs that lie beside it.
Values computed(const Imported& imported, const std::map<std::string, Plain>& given) {
  Values seen;
  std::map<std::string, Plain> inputs;
  std::string wires;
  for (const char* port : {"x", "t", "label", "augment"})
    if (given.count(port)) {
      inputs[port] = given.at(port);
      wires += fmt::format("{}{}: images.{}", wires.empty() ? "" : ", ", port, port);
    }
  Catalog all = catalog_with(inputs);
  all.nodes.push_back(recorder(seen));
  const Tree file = parse_document(
      fmt::format("run: {{images: 2, micro_batch: 2}}\nmodel: {}\nnodes:\n  images: {{type: fixed_images}}\n"
                  "  out: {{type: model, in: {{{}}}}}\n  seen: {{type: recorder, in: out}}\n",
                  imported.section, wires),
      "test.yaml");
  const auto weights = open_tensor_file(imported.checkpoint / kLiveWeights);
  RunOptions options{.on_thread_entry = on_thread_entry};
  options.restore = [&](RunInfo& run) {
    for (const WeightSpec& w : run.weights().weights())
      run.weights().set_plain(run.weights().find(w.path), weights->read(w.path), run.values().values());
    run.weights().pack(run.values());
  };
  Run run(plan(check(file, all, {.channel_block = channel_block()})), options);
  run.run();
  return seen;
}

void expect_the_same(const std::string& name, const std::string& file, const ImportRequest& request,
                     const std::string& output = "y") {
  ScratchFolder folder;
  const auto given = read_golden("exchange/" + name + "/io.safetensors");
  const Imported network =
      imported(folder, file.empty() ? golden_folder(name) : golden_folder(name) / file, request);
  EXPECT_LT(relative_error(computed(network, given), given.at(output).values), 2e-5) << network.section;
}

TEST(Import, ComputesWhatDiffusersDoes) {
  for (const char* name :
       {"diffusers_google", "diffusers_old_names", "diffusers_film", "diffusers_plain", "diffusers_norms"})
    expect_the_same(name, "", {});
}

TEST(Import, ComputesWhatDiffusersDoesWithItsRarerKeys) {
  expect_the_same("diffusers_uneven", "", {.settings = {"model.classes=3"}});
  expect_the_same("diffusers_vectors", "", {});
  expect_the_same("diffusers_no_middle", "", {});
}

TEST(Import, WritesTheRarerKeysOfDiffusersAsOurs) {
  const auto read = [](const std::string& name, const ImportRequest& request) {
    ScratchFolder folder;
    Imported network = imported(folder, golden_folder(name), request);
    network.notes.erase(network.notes.begin());
    return network;
  };
  const Imported uneven = read("diffusers_uneven", {.settings = {"model.classes=3"}});
  EXPECT_EQ(
      uneven.section,
      "{type: unet, channels: 8, widths: [8, 12, 16], blocks: 1, attention_at: [16], groups: 4, preset: "
      "adm, film: false, head_channels: 4, attention_up_at: [8], resample_down: [block, conv], resample_up: "
      "[conv, "
      "block], "
      "activation: mish, time_channels: 24, middle_scale: 0.7071067811865475, classes: 3, null_class: "
      "false}");
  EXPECT_EQ(uneven.notes.front(),
            "class_embed_type is timestep: the vectors of classes 0 to 2 are kept as a table");
  const Imported vectors = read("diffusers_vectors", {});
  EXPECT_EQ(vectors.section,
            "{type: unet, channels: 8, multipliers: [1], blocks: 1, attention_at: [], groups: 4, preset: "
            "diffusers, attention_up_at: [16], activation: gelu, time_channels: 20, middle_groups: 2, "
            "centre_input: "
            "true, augment: 20}");
  EXPECT_EQ(vectors.notes.front(),
            "class_embed_type is identity: the 20 numbers of each image's label enter the model as input "
            "'augment'");
  EXPECT_EQ(read("diffusers_no_middle", {}).section,
            "{type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [], groups: 4, preset: "
            "diffusers, activation: relu, middle: false}");
}

TEST(Import, ComputesWhatOpenAIsNetworksDo) {
  expect_the_same("openai_iddpm", "model.pt", {.size = 16, .settings = {"model.groups=4"}});
  expect_the_same("openai_shift", "model.pt", {.size = 16, .settings = {"model.groups=4", "model.heads=1"}});
  expect_the_same("openai_adm", "model.pt",
                  {.size = 16, .settings = {"model.groups=4", "model.head_channels=4"}}, "y_legacy");
  expect_the_same("openai_adm", "model.pt",
                  {.qkv = "new", .size = 16, .settings = {"model.groups=4", "model.head_channels=4"}},
                  "y_new");
}

TEST(Import, ComputesWhatTheOriginalDdpmDoes) {
  expect_the_same("ddpm_original", "ckpt.pth", {.part = "4.", .size = 16, .settings = {"model.groups=4"}});
}

TEST(Import, ComputesWhatEdmsNetworksDo) {
  expect_the_same("edm_ddpmpp", "model.pt", {});
  expect_the_same("edm_plain", "model.pt", {});
  expect_the_same("edm_adm", "model.pt", {.settings = {"model.head_channels=4"}});
}

TEST(Import, ComputesWhatDenoisingDiffusionPytorchDoes) {
  expect_the_same("denoising_diffusion_pytorch", "model-1.pt", {.part = "ema.ema_model.model.", .size = 16});
}

TEST(Import, TellsEdmsNetworksByTheirNames) {
  ScratchFolder folder;
  const std::string source = (golden_folder("edm_adm") / "model.pt").string();
  const Imported adm = imported(folder, source, {.settings = {"model.head_channels=4"}});
  EXPECT_EQ(adm.notes,
            (std::vector<std::string>{
                source + ": 206 tensors (PyTorch (zip), F16) of EDM's DhariwalUNet, below 'model.'",
                "taken for granted: attention has 64 channels a head (model.head_channels=64)",
                "taken for granted: diffusion {process: edm, prediction: edm}, as of EDMPrecond"}));
  EXPECT_EQ(adm.section,
            "{type: unet, channels: 8, multipliers: [1, 2], blocks: 2, attention_at: [8], groups: 32, "
            "preset: adm, head_channels: 4, group_channels: 4, augment_at: start, classes: 3, augment: 9}");
  ScratchFolder other;
  EXPECT_EQ(imported(other, golden_folder("edm_plain") / "model.pt", {}).section,
            "{type: unet, channels: 8, multipliers: [1, 3], blocks: 2, attention_at: [8], groups: 32, "
            "preset: ddpmpp}");
}

TEST(Import, SaysWhatItTookTheTensorsFor) {
  ScratchFolder folder;
  const std::string source = (golden_folder("openai_adm") / "model.pt").string();
  const Imported network =
      imported(folder, source, {.size = 16, .settings = {"model.groups=4", "model.head_channels=4"}});
  EXPECT_EQ(
      network.notes,
      (std::vector<std::string>{
          source + ": 201 tensors (PyTorch (zip), F16) of OpenAI's improved-diffusion or guided-diffusion",
          "taken for granted: attention has 64 channels a head (model.head_channels=64)",
          "taken for granted: diffusion {schedule: linear, timesteps: 1000, prediction: epsilon, variance: "
          "learned_range} (diffusion.schedule=cosine)"}));
  EXPECT_EQ(network.section,
            "{type: unet, channels: 8, multipliers: [1, 2], blocks: 2, attention_at: [8], groups: 4, "
            "out_channels: 6, "
            "preset: adm, head_channels: 4, classes: 3, null_class: false}");
}

TEST(Import, SaysWhichPipelineDrawsFromIt) {
  ScratchFolder folder;
  const auto draw = [&](const std::string& name, const ImportRequest& request) {
    const Imported network = imported(folder, golden_folder(name), request);
    const std::string run = network.run.string();
    const std::size_t at = network.draw.find(run);
    return network.draw.substr(0, at) + "X" + network.draw.substr(at + run.size());
  };
  EXPECT_EQ(draw("diffusers_google", {}), "pipelines/sample.yaml vars.checkpoint=X");
  EXPECT_EQ(draw("diffusers_film", {}),
            "pipelines/sample_classes.yaml vars.checkpoint=X 'nodes.denoise.loop.nodes.out={type: model, in: "
            "{x: carry.x, "
            "t: each.t, label: label}}'");
  EXPECT_EQ(draw("openai_iddpm/model.pt", {.size = 16, .settings = {"model.groups=4"}}),
            "pipelines/sample_learned_variance.yaml vars.checkpoint=X");
  EXPECT_EQ(
      draw("openai_adm/model.pt", {.size = 16, .settings = {"model.groups=4", "model.head_channels=4"}}),
      "pipelines/sample_classes.yaml vars.checkpoint=X 'nodes.denoise.loop.nodes.out={type: model, in: {x: "
      "carry.x, "
      "t: each.t, label: label}}' --add 'nodes.denoise.loop.nodes.halves={type: split_channels, in: out}' "
      "nodes.denoise.loop.nodes.prev.in.prediction=halves.prediction");
}

TEST(Import, ReadsSchedulersAndSaysWhatItLeavesOut) {
  ScratchFolder folder;
  const Imported network = imported(folder, golden_folder("diffusers_google"));
  EXPECT_EQ(network.notes[1], "scheduler_config.json: left out clip_sample: true");
  EXPECT_EQ(network.notes[2],
            "variance_type is fixed_large: pipelines/sample_ddpm.yaml with "
            "nodes.denoise.loop.nodes.prev.variance=fixed_large");
  EXPECT_EQ(network.section,
            "{type: unet, channels: 8, multipliers: [1, 2], blocks: 2, attention_at: [8], groups: 4}");
  EXPECT_EQ(file_text(network.checkpoint / kPipeline),
            "diffusion:\n  schedule: linear\n  timesteps: 1000\n  beta_start: 0.0001\n  beta_end: 0.02\n  "
            "prediction: "
            "epsilon\nmodel:\n  type: unet\n  channels: 8\n  multipliers: [1, 2]\n  blocks: 2\n  "
            "attention_at: [8]\n  "
            "groups: 4\n");
}

std::string import_refusal(const fs::path& source, const ImportRequest& request = {}) {
  ScratchFolder folder;
  std::string message;
  try {
    imported(folder, source, request);
  } catch (const UserError& error) {
    for (const Fault& f : error.faults()) message += (message.empty() ? "" : "\n") + f.message;
  }
  EXPECT_FALSE(fs::exists(folder.path() / "imported"));
  for (std::size_t at; (at = message.find(source.string())) != message.npos;)
    message.replace(at, source.string().size(), "X");
  return message;
}

TEST(Import, TellsTheNetworksOfAMilestoneApart) {
  const fs::path milestone = golden_folder("denoising_diffusion_pytorch") / "model-1.pt";
  EXPECT_EQ(import_refusal(milestone, {.size = 16}),
            "'X' holds 2 networks, below 'ema.ema_model.model.' and 'model.model.'; say which with --part");
  EXPECT_EQ(import_refusal(milestone, {.part = "model.model."}),
            "'X' does not say how large its images are, which no tensor says; say it with --size, such as "
            "--size 32");
  ScratchFolder folder;
  const Imported network = imported(folder, milestone, {.part = "ema.ema_model.model.", .size = 16});
  EXPECT_EQ(network.section,
            "{type: linear_attention_unet, channels: 8, multipliers: [1, 2, 3], full_attention_at: [8, 4], "
            "heads: 2, head_channels: 6, memory: 4}");
  EXPECT_EQ(network.notes[1],
            "taken for granted: diffusion {schedule: sigmoid, timesteps: 1000, prediction: v}, as "
            "GaussianDiffusion without further words");
}

TEST(Import, AsksForWhatNoTensorSays) {
  EXPECT_EQ(import_refusal(golden_folder("openai_iddpm") / "model.pt"),
            "'X' does not say how large its images are, which no tensor says; say it with --size, such as "
            "--size 32");
  EXPECT_EQ(import_refusal(golden_folder("ddpm_original") / "ckpt.pth", {.size = 16}),
            "'X' holds 2 networks, below '0.' and '4.'; say which with --part");
  EXPECT_EQ(import_refusal(golden_folder("ddpm_original") / "ckpt.pth", {.part = "1.", .size = 16}),
            "'X' holds no network below '1.'; it holds some below '0.' and '4.'");
  EXPECT_EQ(import_refusal("/no/such/folder"), "there is no file or folder 'X'");
  EXPECT_EQ(
      import_refusal(golden_folder("openai_iddpm") / "model.pt", {.size = 16, .settings = {"run.seed=1"}}),
      "'run.seed=1': what can be set is model.KEY=VALUE and diffusion.KEY=VALUE");
}

// A folder with diffusers_google in it, one of whose files says something else.
class Changed {
 public:
  Changed() {
    fs::copy(golden_folder("diffusers_google"), folder_.path() / "X");
    fs::remove(folder_.path() / "X" / "io.safetensors");
  }
  Changed& set(const std::string& file, const std::string& key, const nlohmann::json& value) {
    const fs::path path = folder_.path() / "X" / file;
    nlohmann::json config = nlohmann::json::parse(file_text(path));
    config[key] = value;
    write_text(path, config.dump());
    return *this;
  }
  fs::path path() const { return folder_.path() / "X"; }
  std::string refusal() const { return import_refusal(path()); }

 private:
  ScratchFolder folder_;
};

TEST(Import, RefusesKeysOfAConfigByTheirNames) {
  const auto said = [](const std::string& key, const nlohmann::json& value) {
    return Changed().set("config.json", key, value).refusal();
  };
  EXPECT_EQ(said("act_fn", "elu"),
            "'X/config.json' has 'act_fn': \"elu\", but silu, swish, gelu, mish and relu are known here");
  EXPECT_EQ(
      said("attention_head_dim", 5),
      "'X/config.json' has 'attention_head_dim': 5, which does not divide the 16 channels of level 1; heads "
      "that do are known here");
  EXPECT_EQ(said("mid_block_type", "Other"),
            "'X/config.json' has 'mid_block_type': \"Other\", but UNetMidBlock2D and null are known here");
  EXPECT_EQ(said("freq_shift", 2), "'X/config.json' has 'freq_shift': 2, but 0 and 1 are known here");
  EXPECT_EQ(said("layers_per_block", 0),
            "'X/config.json' has 'layers_per_block': 0, but 1 to 16 are known here");
  EXPECT_EQ(said("norm_num_groups", nullptr),
            "'X/config.json' has 'norm_num_groups': null, which is not of the kind of 32");
  EXPECT_EQ(said("something", 1), "'X/config.json' has keys that are not known here: 'something'");
  EXPECT_EQ(said("_class_name", "UNet2DConditionModel"),
            "'X/config.json' has '_class_name': \"UNet2DConditionModel\", but UNet2DModel is what is read");
  EXPECT_EQ(said("class_embed_type", "timestep"),
            "'X/config.json' has 'class_embed_type': \"timestep\", where a label is any number; say how many "
            "classes there are, such as model.classes=10");
  EXPECT_EQ(
      said("class_embed_type", "projection"),
      "'X/config.json' has 'class_embed_type': \"projection\", but timestep and identity are known here");
  EXPECT_EQ(said("time_embedding_type", "fourier"),
            "'X/config.json' has 'time_embedding_type': \"fourier\", but positional is known here");
  EXPECT_EQ(said("mid_block_scale_factor", 0),
            "'X/config.json' has 'mid_block_scale_factor': 0, but 0.001 to 1000000 are known here");
  EXPECT_EQ(
      said("down_block_types", {"SkipDownBlock2D", "DownBlock2D"}),
      "'X/config.json' has the block type SkipDownBlock2D in 'down_block_types', which is not known here");
  EXPECT_EQ(said("up_block_types", {"UpBlock2D"}),
            "'X/config.json' has 'up_block_types': [\"UpBlock2D\"], but there are 2 types of blocks on the "
            "way down");
  EXPECT_EQ(said("resnet_time_scale_shift", "spatial"),
            "'X/config.json' has 'resnet_time_scale_shift': \"spatial\", but default and scale_shift are "
            "known here");
  EXPECT_EQ(said("downsample_padding", 2),
            "'X/config.json' has 'downsample_padding': 2, but 0 and 1 are known here");
  EXPECT_EQ(said("block_out_channels", {8, 0}),
            "'X/config.json' has 'block_out_channels': [8,0], but 1 to 65536 channels are known here");
  EXPECT_EQ(said("norm_eps", "small"),
            "'X/config.json' has 'norm_eps': \"small\", which is not of the kind of 1e-05");
  EXPECT_EQ(said("sample_size", nullptr),
            "'X/config.json' does not say how large images are ('sample_size'); say it with --size, such as "
            "--size 32");
  const auto scheduler = [](const std::string& key, const nlohmann::json& value) {
    return Changed().set("scheduler_config.json", key, value).refusal();
  };
  EXPECT_EQ(scheduler("beta_schedule", "squared"),
            "'X/scheduler_config.json' has 'beta_schedule': \"squared\", but linear, scaled_linear, "
            "squaredcos_cap_v2, sigmoid and laplace are known here");
  EXPECT_EQ(scheduler("prediction_type", "flow"),
            "'X/scheduler_config.json' has 'prediction_type': \"flow\", but epsilon, sample and v_prediction "
            "are known here");
  EXPECT_EQ(scheduler("rescale_betas_zero_snr", true),
            "'X/scheduler_config.json' has 'rescale_betas_zero_snr': true, but the last timestep then has no "
            "image in "
            "it, which prediction_type epsilon cannot bring back; v_prediction and sample can");
  EXPECT_EQ(scheduler("timestep_type", "continuous"),
            "'X/scheduler_config.json' has 'timestep_type': \"continuous\", but networks that are told the "
            "timestep "
            "(discrete) are known here");
  EXPECT_EQ(scheduler("use_flow_sigmas", true),
            "'X/scheduler_config.json' has 'use_flow_sigmas': true, but flow_prediction is known with "
            "use_flow_sigmas "
            "only, and that with it");
  EXPECT_EQ(scheduler("trained_betas", {0.1}),
            "'X/scheduler_config.json' has 'trained_betas': [0.1], but two betas or more are known here");
  EXPECT_EQ(scheduler("_class_name", "VQDiffusionScheduler").substr(0, 114),
            "'X/scheduler_config.json' has '_class_name': \"VQDiffusionScheduler\", but the schedulers DDPM, "
            "DDPMParallel, DDIM, ");
  EXPECT_EQ(scheduler("other", 1), "'X/scheduler_config.json' has keys that are not known here: 'other'");
}

// Python's json writes -Infinity, and DPM-Solver's configuration has it.
TEST(Import, ReadsTheNumbersThatOnlyPythonWrites) {
  ScratchFolder folder;
  const fs::path path = folder.path() / "scheduler_config.json";
  write_text(
      path,
      R"({"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "variance_type": null})");
  std::vector<std::string> notes;
  EXPECT_EQ(read_scheduler_config(path, notes),
            "{schedule: linear, timesteps: 1000, beta_start: 0.0001, beta_end: 0.02, prediction: epsilon}");
  EXPECT_EQ(notes,
            (std::vector<std::string>{"scheduler_config.json: left out lambda_min_clipped: \"-Infinity\""}));
}

TEST(Import, ReadsBetasAndOtherProcesses) {
  ScratchFolder folder;
  const auto read = [&](const std::string& json) {
    write_text(folder.path() / "scheduler_config.json", json);
    std::vector<std::string> notes;
    return read_scheduler_config(folder.path() / "scheduler_config.json", notes);
  };
  EXPECT_EQ(read(R"({"trained_betas": [0.25, 0.5]})"), "{betas: [0.25, 0.5], prediction: epsilon}");
  EXPECT_EQ(read(R"({"_class_name": "LCMScheduler"})"),
            "{schedule: scaled_linear, timesteps: 1000, beta_start: 0.00085, beta_end: 0.012, prediction: "
            "epsilon}");
  EXPECT_EQ(read(R"({"_class_name": "EDMEulerScheduler", "sigma_max": 40.0})"),
            "{process: edm, prediction: edm, sigma_data: 0.5, sigma_min: 0.002, sigma_max: 40}");
  EXPECT_EQ(
      read(
          R"({"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": true, "prediction_type": "flow_prediction"})"),
      "{process: flow, prediction: velocity, time_scale: 1000}");
  Changed folder_with_betas;
  ScratchFolder other;
  folder_with_betas.set("scheduler_config.json", "trained_betas", {0.25, 0.5});
  EXPECT_EQ(imported(other, folder_with_betas.path()).parameters, 64'483);
}

TEST(Import, RefusesSizesBeforeItMakesAnything) {
  EXPECT_EQ(Changed().set("config.json", "num_class_embeds", 1 << 30).refusal(),
            "'X/config.json' says that there are 1073741824 classes; at most 65536 are known here");
  EXPECT_EQ(
      Changed().set("config.json", "sample_size", 1 << 30).refusal(),
      "'X/config.json' says that images are [3,1073741824,1073741824]; sides of 1 to 65536 are known here");
}

TEST(Import, RefusesWhatEdmsNetworksCanBeAndTheirsHereCannot) {
  EXPECT_EQ(import_refusal(golden_folder("edm_plain") / "model.pt", {.size = 32}),
            "'X' is of images of 16x16, but --size is 32");
  // Of no numbers at all.
  const auto said = [](const std::string& more) {
    ScratchFolder folder;
    std::string header;
    for (const std::string& name :
         {std::string("map_layer0.weight"), std::string("enc.16x16_conv.weight"), more})
      header += (header.empty() ? "{" : ",") +
                fmt::format(R"("{}":{{"dtype":"U8","shape":[0,1,4,4],"data_offsets":[0,0]}})", name);
    header += "}";
    const std::uint64_t length = header.size();
    write_text(folder.path() / "x", std::string(reinterpret_cast<const char*>(&length), 8) + header);
    return import_refusal(folder.path() / "x");
  };
  EXPECT_EQ(
      said("map_noise.freqs"),
      "'X' has 'map_noise.freqs': an embedding of random frequencies, as NCSN++ has, which is not known "
      "here");
  EXPECT_EQ(
      said("enc.8x8_aux_residual.weight"),
      "'X' has 'enc.8x8_aux_residual.weight': a pyramid of smaller images beside the way down, as NCSN++ "
      "has, which is not known here");
  EXPECT_EQ(
      said("dec.8x8_aux_up.resample_filter"),
      "'X' has 'dec.8x8_aux_up.resample_filter': a sum of images of all levels, as NCSN++ has, which is "
      "not known here");
  EXPECT_EQ(said("enc.8x8_down.conv0.resample_filter"),
            "'X' has 'enc.8x8_down.conv0.resample_filter': sides change with a smooth filter, as NCSN++ has, "
            "which is not known here");
}

TEST(Import, RefusesNetworksWithoutWidth) {
  EXPECT_EQ(Changed().set("config.json", "attention_head_dim", 0).refusal(),
            "'X/config.json' has 'attention_head_dim': 0, but 1 to 65536 are known here");
  ScratchFolder folder;
  const std::string header = R"({"temb.dense.0.weight":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("conv_in.weight":{"dtype":"U8","shape":[0,3],"data_offsets":[1,1]}})";
  const std::uint64_t length = header.size();
  write_text(folder.path() / "x", std::string(reinterpret_cast<const char*>(&length), 8) + header + "x");
  EXPECT_EQ(import_refusal(folder.path() / "x", {.size = 8}),
            "'X' has a tensor 'conv_in.weight' without channels");
}

// What is said of a file of tensors of these shapes, all zeros.
std::string refusal_of_shapes(const std::map<std::string, Shape>& tensors) {
  ScratchFolder folder;
  std::string header;
  std::int64_t end = 0;
  for (const auto& [name, shape] : tensors) {
    const std::int64_t begin = end;
    end += count_of(shape);
    header += fmt::format(R"({}"{}":{{"dtype":"U8","shape":{},"data_offsets":[{},{}]}})",
                          header.empty() ? "{" : ",", name, to_string(shape), begin, end);
  }
  header += header.empty() ? "{}" : "}";
  const std::uint64_t length = header.size();
  write_text(folder.path() / "x", std::string(reinterpret_cast<const char*>(&length), 8) + header +
                                      std::string(static_cast<std::size_t>(end), '\0'));
  return import_refusal(folder.path() / "x", {.size = 8});
}

TEST(Import, RefusesShapesThatNoSuchNetworkHas) {
  EXPECT_EQ(refusal_of_shapes({}), "'X' holds no tensors");
  const std::string two_widths =
      "'X' has a first convolution of 8 channels, but a time embedding of 16; here both are the same";
  using Tensors = std::map<std::string, Shape>;

  Tensors openai = {{"input_blocks.0.0.weight", {8, 3, 3, 3}}};
  EXPECT_EQ(refusal_of_shapes(openai), "'X' has no tensor 'out.2.weight'");
  openai["out.2.weight"] = {3, 8, 3, 3};
  openai["time_embed.0.weight"] = {32, 16};
  EXPECT_EQ(refusal_of_shapes(openai), two_widths);
  openai["time_embed.0.weight"] = {32, 8};
  EXPECT_EQ(
      refusal_of_shapes(openai),
      "'X' changes sides without weights, so that no tensor says where its levels end; this is not read");
  openai["output_blocks.0.1.conv.weight"] = {8, 8, 3, 3};
  EXPECT_EQ(refusal_of_shapes(openai), "'X' has blocks that are not those of a U-Net");

  Tensors edm = {{"map_layer0.weight", {32, 16}}, {"dec.8x8_aux_conv.weight", {3, 8, 3, 3}}};
  EXPECT_EQ(refusal_of_shapes(edm), "'X' has no tensor 'enc.32x32_conv.weight', or of another size");
  edm["enc.8x8_conv.weight"] = {8, 3, 3, 3};
  EXPECT_EQ(refusal_of_shapes(edm), two_widths);

  Tensors milestone = {{"downs.0.0.block1.proj.weight", {8, 8, 3, 3}},
                       {"init_conv.weight", {8, 6, 7, 7}},
                       {"final_conv.weight", {3, 8, 1, 1}},
                       {"time_mlp.1.weight", {32, 16}},
                       {"downs.0.3.weight", {12, 8, 3, 3}}};
  EXPECT_EQ(refusal_of_shapes(milestone),
            "'X' takes 6 channels and gives 3: self-conditioning, which is not known here");
  milestone["init_conv.weight"] = {8, 3, 7, 7};
  EXPECT_EQ(refusal_of_shapes(milestone), two_widths);
  milestone["time_mlp.1.weight"] = {32, 8};
  EXPECT_EQ(refusal_of_shapes(milestone),
            "'X' has a level of 12 channels behind a first convolution of 8; here the widths of this network "
            "are multiples of that");
}

TEST(Import, NamesTheFileThatAFolderMustHold) {
  ScratchFolder folder;
  EXPECT_EQ(
      import_refusal(folder.path()),
      "'X' has no diffusion_pytorch_model.safetensors (or .bin) in it or in unet/; name the file, if it "
      "is called otherwise");
}

// Each copy has another value under one key: it is imported, or refused in a sentence.
// DAGFUSION_DAMAGED_COPIES says how many.
TEST(Import, SurvivesAnyValueInAConfig) {
  const char* asked = std::getenv("DAGFUSION_DAMAGED_COPIES");
  const int copies = asked ? std::atoi(asked) : 50;
  std::mt19937 random(1);
  const std::vector<nlohmann::json> values = {nullptr,
                                              true,
                                              false,
                                              0,
                                              -1,
                                              1,
                                              3,
                                              1e300,
                                              -0.5,
                                              "x",
                                              "",
                                              1 << 30,
                                              INT64_MAX,
                                              INT64_MIN,
                                              {0},
                                              {8},
                                              {8, 16, 32},
                                              {-8, -16},
                                              {INT64_MAX, 1},
                                              {"DownBlock2D"},
                                              {{"a", 1}},
                                              {1.5, "x"},
                                              nlohmann::json::array()};
  for (int copy = 0; copy < copies; ++copy) {
    Changed changed;
    const std::string file = random() % 4 == 0 ? "scheduler_config.json" : "config.json";
    const auto config = nlohmann::json::parse(file_text(changed.path() / file));
    std::vector<std::string> keys;
    for (const auto& [key, value] : config.items()) keys.push_back(key);
    for (unsigned i = 1 + random() % 2; i > 0; --i)
      changed.set(file, keys[random() % keys.size()], values[random() % values.size()]);
    try {
      ScratchFolder folder;
      imported(folder, changed.path());
    } catch (const UserError&) {
    }
  }
}

TEST(Import, NamesTensorsThatAreMissingOrHaveNoPlace) {
  const std::string more = Changed().set("config.json", "layers_per_block", 3).refusal();
  EXPECT_EQ(more.substr(0, more.find('\n')),
            "'X/diffusion_pytorch_model.safetensors': the tensor 'down_blocks.0.resnets.2.norm1.weight' is "
            "missing ([8] for "
            "'model/down0/block2/norm1.weight')");
  EXPECT_EQ(more.substr(more.rfind('\n') + 1).substr(0, 4), "and ");
  const std::string fewer = Changed().set("config.json", "layers_per_block", 1).refusal();
  EXPECT_NE(fewer.find("the tensor 'down_blocks.0.resnets.1.conv1.bias' [8] has no place in this network"),
            std::string::npos)
      << fewer;
  EXPECT_NE(Changed()
                .set("config.json", "in_channels", 1)
                .refusal()
                .find("the tensor 'conv_in.weight' is [8,3,3,3], but the network has [8,1,3,3]"),
            std::string::npos);
}

TEST(Import, KnowsNetworksThatItCannotBuild) {
  const auto said = [](const std::string& tensor) {
    ScratchFolder folder;
    const std::string header = "{\"" + tensor + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
    const std::uint64_t length = header.size();
    write_text(folder.path() / "x", std::string(reinterpret_cast<const char*>(&length), 8) + header + "x");
    return import_refusal(folder.path() / "x");
  };
  EXPECT_EQ(said("pos_embed.proj.weight"), "'X' holds a diffusion transformer, no U-Net");
  EXPECT_EQ(said("a.b"),
            "'X' holds 1 tensors, such as 'a.b', which are not those of diffusers' UNet2DModel; diffusers' "
            "UNet2DModel with its "
            "names of attention before 0.15; the original DDPM's, as pesser and ermongroup ported it to "
            "PyTorch; OpenAI's "
            "improved-diffusion or guided-diffusion; EDM's SongUNet; EDM's DhariwalUNet; "
            "denoising-diffusion-pytorch's Unet");
  EXPECT_EQ(said("down_blocks.0.resnets.0.conv1.weight"),
            "'X' lies alone, but UNet2DModel's config.json must lie beside it: it says what no tensor says");
}

// A run of two steps, whose checkpoint can be exported.
fs::path trained(const ScratchFolder& folder, const std::string& from = "", const std::string& to = "") {
  std::string yaml = small_training(2);
  if (!from.empty()) yaml.replace(yaml.find(from), from.size(), to);
  fs::create_directory(folder.path() / "run");
  run_in(folder.path() / "run", yaml);
  return folder.path() / "run";
}

std::string export_refusal(const std::string& from, const std::string& to) {
  ScratchFolder folder;
  const fs::path run = trained(folder, from, to);
  const std::string said = thrown([&] { export_for_diffusers({run, folder.path() / "out", ""}); });
  EXPECT_FALSE(fs::exists(folder.path() / "out"));
  return said.substr(said.find("section"));
}

TEST(Export, IsImportedWithTheSameBits) {
  for (const char* weights : {"live", "ema"}) {
    ScratchFolder folder;
    const fs::path run = trained(folder);
    export_for_diffusers({run, folder.path() / "out", weights});
    const Imported again = imported(folder, folder.path() / "out");
    std::vector<std::string> ignored;
    const auto before = open_tensor_file(weights_file(open_checkpoint(run, ignored), weights));
    const auto after = open_tensor_file(again.checkpoint / kLiveWeights);
    EXPECT_EQ(after->tensors().size() + (std::string(weights) == "ema" ? 1 : 0), before->tensors().size());
    for (const auto& [name, facts] : after->tensors()) {
      EXPECT_EQ(facts, before->tensors().at(name)) << name;
      EXPECT_EQ(after->read(name), before->read(name)) << name;
    }
    EXPECT_EQ(again.section,
              "{type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], groups: 4, "
              "dropout: 0.1}");
    EXPECT_EQ(parse_document(file_text(again.checkpoint / kPipeline), "x")
                  .find("diffusion")
                  ->find("schedule")
                  ->text,
              "cosine");
  }
}

TEST(Export, KeepsClassesAndTheirNames) {
  ScratchFolder folder;
  std::string yaml = small_training(2);
  yaml.replace(yaml.find("t: t}}\n  target"), 15, "t: t, label: images.label}}\n  target");
  yaml.replace(yaml.find("dropout: 0.1"), 12, "classes: auto");
  fs::create_directory(folder.path() / "run");
  run_in(folder.path() / "run", yaml);
  export_for_diffusers({folder.path() / "run", folder.path() / "out", ""});
  const auto config = nlohmann::json::parse(file_text(folder.path() / "out/unet/config.json"));
  EXPECT_EQ(config.at("num_class_embeds"), 11);
  EXPECT_TRUE(fs::exists(folder.path() / "out/sample.py"));
  const Imported again = imported(folder, folder.path() / "out");
  EXPECT_EQ(
      again.section,
      "{type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], groups: 4, classes: 10}");
}

TEST(Export, RefusesWhatDiffusersCannotBe) {
  EXPECT_EQ(
      export_refusal("attention_at: [8]", "attention_at: [16, 8], heads: 2"),
      "section 'model': 'heads' is 2 over 8, 16 channels; diffusers has one number of channels a head for "
      "all of them"
      "");
  EXPECT_EQ(export_refusal("dropout: 0.1", "resample: pool"),
            "section 'model': 'resample' is pool, which UNet2DModel cannot be; conv and block it can");
  EXPECT_EQ(export_refusal("multipliers: [1, 2]", "multipliers: [2, 2]"),
            "section 'model': 'multipliers' begins with 2; UNet2DModel's first level is as wide as its first "
            "convolution, so 1 "
            "would do");
  EXPECT_EQ(export_refusal("dropout: 0.1", "middle_attention: plain"),
            "section 'model': 'middle_attention' is plain, which UNet2DModel can be with 'film' only");
  EXPECT_EQ(export_refusal("dropout: 0.1", "inside: {'mid/block0/norm1': {eps: 1.0e-3}}"),
            "section 'model' has 'inside', which other programs have no word for");
  const auto of_edm = [](const std::string& key) {
    return export_refusal("type: unet,", "type: unet, " + key + ",");
  };
  EXPECT_EQ(of_edm("skip_scale: 0.5"),
            "section 'model': 'skip_scale' is 0.5, which only EDM's networks have a word for; '--format edm' "
            "and '--format onnx' write it");
  EXPECT_EQ(of_edm("group_channels: 2"),
            "section 'model': 'group_channels' is 2, which only EDM's networks have a word for; '--format "
            "edm' and '--format onnx' write it");
  EXPECT_EQ(of_edm("resample_shortcut: conv"),
            "section 'model': 'resample_shortcut' is conv, which only EDM's networks have a word for; "
            "'--format edm' and '--format onnx' write it");
  EXPECT_EQ(of_edm("attention_up: last"),
            "section 'model': 'attention_up' is last, which only EDM's networks have a word for; '--format "
            "edm' and '--format onnx' write it");
  EXPECT_EQ(
      export_refusal("schedule: cosine, timesteps: 100, prediction: v", "process: edm, prediction: edm"),
      "section 'diffusion': 'process' is edm, which DDPMScheduler has no word for; discrete and flow can be "
      "exported");
  EXPECT_EQ(export_refusal("schedule: cosine, timesteps: 100, prediction: v", "process: flow, prediction: v"),
            "section 'diffusion': 'prediction' is v with 'process' flow; diffusers has velocity");
  EXPECT_EQ(export_refusal("prediction: v", "prediction: velocity"),
            "section 'diffusion': 'prediction' is velocity, which DDPMScheduler has no word for; epsilon, "
            "sample and v it has");
}

TEST(Export, RefusesNamesOfOthersForWhatTheirsCannotBe) {
  ScratchFolder folder;
  const fs::path run = trained(folder), file = folder.path() / "x.safetensors";
  const auto said = [&](const std::string& format) {
    const std::string text = thrown([&] { export_state_dict({run, file, ""}, format); });
    EXPECT_FALSE(fs::exists(file));
    return text;
  };
  EXPECT_EQ(said("openai"),
            "section 'model': {type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], "
            "groups: 4, "
            "dropout: 0.1} would be read as {type: unet, channels: 8, multipliers: [1, 2], blocks: 1, "
            "attention_at: "
            "[8], groups: 4, dropout: 0.1, time_order: cos_sin, freq_shift: 0, eps: 1e-05, padding: same} by "
            "OpenAI's "
            "improved-diffusion or guided-diffusion; '--format onnx' writes any network");
  EXPECT_EQ(said("denoising_diffusion_pytorch"),
            "'" + (run / "checkpoints/step-000002/ema.safetensors").string() +
                "' has the weight 'model/down1/attention0/k.bias', which denoising-diffusion-pytorch's Unet "
                "has no name "
                "for");
  export_state_dict({run, file, ""}, "ddpm");
  EXPECT_EQ(thrown([&] {
              export_state_dict({run, file, ""}, "ddpm");
            }),
            "'" + file.string() + "' is there already; name a new file");
}

TEST(Export, SaysWhichWayANetworkOfAnotherKindGoes) {
  ScratchFolder folder;
  const Imported network = imported(folder, golden_folder("denoising_diffusion_pytorch") / "model-1.pt",
                                    {.part = "ema.ema_model.model.", .size = 16});
  EXPECT_EQ(thrown([&] {
              export_for_diffusers({network.run, folder.path() / "out", ""});
            }),
            "section 'model' is of type 'linear_attention_unet', which is no UNet2DModel; '--format "
            "denoising_diffusion_pytorch' and '--format onnx' write it");
}

TEST(Import, TellsTheVarianceThatDenoisingDiffusionPytorchLearns) {
  ScratchFolder folder;
  const auto header = [&](const std::string& more) {
    std::string text =
        R"({"downs.0.0.block1.proj.weight":{"dtype":"U8","shape":[0,4,3,3],"data_offsets":[0,0]})" + more +
        "}";
    const std::uint64_t length = text.size();
    write_text(folder.path() / "x", std::string(reinterpret_cast<const char*>(&length), 8) + text);
    return import_refusal(folder.path() / "x", {.size = 16});
  };
  EXPECT_EQ(
      header(
          R"(,"init_conv.weight":{"dtype":"U8","shape":[8,0,7,7],"data_offsets":[0,0]},"time_mlp.0.weights":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})"),
      "'X' has 'time_mlp.0.weights': an embedding of learned or random frequencies (learned_sinusoidal_cond, "
      "random_fourier_features), which is not known here");
}

TEST(Export, WritesTheKeysThatMatter) {
  ScratchFolder folder;
  export_for_diffusers({trained(folder), folder.path() / "out", ""});
  const auto config = nlohmann::json::parse(file_text(folder.path() / "out/unet/config.json"));
  EXPECT_EQ(config.at("norm_eps"), 1e-6);
  EXPECT_EQ(config.at("flip_sin_to_cos"), false);
  EXPECT_EQ(config.at("freq_shift"), 1);
  EXPECT_EQ(config.at("downsample_padding"), 0);
  EXPECT_EQ(config.at("attention_head_dim"), nullptr);
  const auto scheduler =
      nlohmann::json::parse(file_text(folder.path() / "out/scheduler/scheduler_config.json"));
  EXPECT_EQ(scheduler.at("beta_schedule"), "squaredcos_cap_v2");
  EXPECT_EQ(scheduler.at("prediction_type"), "v_prediction");
  EXPECT_EQ(scheduler.at("num_train_timesteps"), 100);
  EXPECT_EQ(thrown([&] {
              export_for_diffusers({folder.path() / "run", folder.path() / "out", ""});
            }),
            "'" + (folder / "out") + "' is there already; name a new folder");
}

TEST(Export, WritesBetasThatDiffusersHasNoNameFor) {
  ScratchFolder folder;
  export_for_diffusers({trained(folder, "schedule: cosine", "schedule: sigmoid"), folder.path() / "out", ""});
  const fs::path path = folder.path() / "out/scheduler/scheduler_config.json";
  EXPECT_EQ(nlohmann::json::parse(file_text(path)).at("trained_betas").size(), 100u);
  std::vector<std::string> notes;
  EXPECT_EQ(read_scheduler_config(path, notes).substr(0, 9), "{betas: [");
}

TEST(Export, OfAFlowHasAScriptThatDraws) {
  ScratchFolder folder;
  export_for_diffusers({trained(folder, "schedule: cosine, timesteps: 100, prediction: v",
                                "process: flow, prediction: velocity"),
                        folder.path() / "out", ""});
  EXPECT_FALSE(fs::exists(folder.path() / "out/model_index.json"));
  EXPECT_TRUE(fs::exists(folder.path() / "out/sample.py"));
  const fs::path path = folder.path() / "out/scheduler/scheduler_config.json";
  EXPECT_EQ(nlohmann::json::parse(file_text(path)).at("_class_name"), "FlowMatchEulerDiscreteScheduler");
  std::vector<std::string> notes;
  EXPECT_EQ(read_scheduler_config(path, notes), "{process: flow, prediction: velocity, time_scale: 1000}");
}

// 300 is 0b10'0101100: seven bits a byte, the lowest first. Field 1 as a number has the key 8, field 2 as bytes 18.
TEST(Protobuf, WritesNumbersTextsAndMessages) {
  EXPECT_EQ(ProtobufMessage().integer(1, 300).bytes(), std::string("\x08\xac\x02"));
  EXPECT_EQ(ProtobufMessage().integer(1, -1).bytes(), "\x08" + std::string(9, '\xff') + "\x01");
  EXPECT_EQ(ProtobufMessage().text(2, "ab").bytes(),
            "\x12\x02"
            "ab");
  EXPECT_EQ(ProtobufMessage().real(1, 1).bytes(), std::string("\x0d\x00\x00\x80\x3f", 5));
  EXPECT_EQ(ProtobufMessage().message(3, ProtobufMessage().integer(1, 1)).bytes(), "\x1a\x02\x08\x01");
}

TEST(Export, WritesOneFileOfOnnx) {
  ScratchFolder folder;
  const fs::path run = trained(folder), file = folder.path() / "unet.onnx";
  const std::vector<std::string> notes = export_for_onnx({run, file, ""});
  EXPECT_TRUE(notes.back().ends_with("bytes, opset 17): sample, timestep -> prediction")) << notes.back();
  const std::string model = file_text(file);
  for (const char* part :
       {"InstanceNormalization", "mid/attention/q.weight", "prediction: v", "sample", "timestep"})
    EXPECT_NE(model.find(part), std::string::npos) << part;
  EXPECT_EQ(thrown([&] {
              export_for_onnx({run, file, ""});
            }),
            "'" + file.string() + "' is there already; name a new file");
}

TEST(Export, NamesTheLayerThatOnnxHasNoWordFor) {
  ScratchFolder folder;
  const fs::path run = trained(folder, "dropout: 0.1", "inside: {'mid/block0/norm1': {type: batch_norm}}");
  EXPECT_EQ(thrown([&] {
              export_for_onnx({run, folder.path() / "x.onnx", ""});
            }),
            "node 'mid/block0/norm1' (batch_norm): layers of this type are not written as ONNX");
  EXPECT_FALSE(fs::exists(folder.path() / "x.onnx"));
}

TEST(Export, WritesAnyLayersThatOnnxHasWordsFor) {
  ScratchFolder folder;
  const fs::path run = trained(
      folder, "dropout: 0.1", "inside: {'**/norm2': {type: rms_norm}, '**/silu*': {type: relu, maximum: 6}}");
  export_for_onnx({run, folder.path() / "x.onnx", ""});
  const std::string model = file_text(folder.path() / "x.onnx");
  for (const char* part : {"Clip", "ReduceMean"}) EXPECT_NE(model.find(part), std::string::npos) << part;
}

TEST(Export, RefusesAFileOfOnnxThatWouldBeTooLarge) {
  class Huge final : public TensorFile {
   public:
    Huge() : TensorFile("huge.safetensors", "none") {
      tensors_["model/conv_in.weight"] = {"F32", {600'000'000}};
    }
    std::vector<float> read(const std::string&) override { return {}; }
  };
  Huge huge;
  EXPECT_EQ(thrown([&] { onnx_model({}, huge, {}); }),
            "'huge.safetensors' holds 2400000000 bytes of weights; a file of ONNX has room for 2000000000");
}

}  // namespace
}  // namespace dagfusion::tests
