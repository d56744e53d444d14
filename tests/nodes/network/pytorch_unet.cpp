// A whole U-Net beside PyTorch's: golden/pytorch_unet.py and golden/class_unet.py wrote what is compared.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "graph/plan/plan.h"
#include "graph/run/run.h"
#include "nodes/dnnl/engine.h"
#include "tests/fixtures/fixed_images.h"
#include "tests/fixtures/golden.h"

namespace dagfusion::tests {
namespace {

using Values = std::vector<std::vector<float>>;  // of each frame

// Keeps what comes along, frame by frame.
NodeType recorder(const std::string& name, Values& into) {
  class Recorder final : public Ordered {
   public:
    Recorder(Setup& setup, Values& into) : x_(setup.input("x")), into_(into) {}
    void run(Call& call) override {
      const float* x = call.in<float>(x_);
      into_.emplace_back(x, x + count_of(x_.spec.shape));
    }

   private:
    Input x_;
    Values& into_;
  };
  return {.name = name,
          .summary = "Keeps what comes along.",
          .role = Role::ordered,
          .phase = Phase::read,
          .inputs = {{"x", "[...] f32", "anything"}},
          .create = [&into](Setup& setup) { return std::make_unique<Recorder>(setup, into); }};
}

struct Trained {
  Values outputs, losses;
  std::map<std::string, std::vector<float>> weights, gradients;  // by "down0/block0/conv1.weight"
};

// The golden file holds two batches of two images; a data set of all four, unshuffled, gives them in turn.
Plain of_images(const Plain& batches) {
  Shape shape(batches.shape.begin() + 1, batches.shape.end());
  shape[0] *= batches.shape[0];
  return {shape, batches.values};
}

struct Training {
  int steps, micro_batch, block;
  std::string precision = "float32";
  int batch_size = 2;
  std::string classes = "", label = "";  // what a model with classes has more, and its calls
};

Trained train(const std::map<std::string, Plain>& golden, const std::map<std::string, Plain>& images,
              const Training& with) {
  Trained trained;
  Catalog all = catalog_with(images);
  all.nodes.push_back(recorder("record_output", trained.outputs));
  all.nodes.push_back(recorder("record_loss", trained.losses));
  const Tree file = parse_document(
      fmt::format(R"(
run: {{seed: 1, steps: {}, batch_size: {}, micro_batch: {}, precision: {}}}
model: {{type: unet, channels: 4, multipliers: [2, 3], blocks: 1, attention_at: [8], heads: 2, groups: 4{}}}
nodes:
  images: {{type: fixed_images}}
  out:    {{type: model, in: {{x: images.x, t: images.t{}}}}}
  loss:   {{type: mse_loss, in: {{prediction: out, target: images.target}}}}
  adam:   {{type: adam, minimize: loss, learning_rate: 1.0e-3, clip_norm: 1.0}}
  seen:   {{type: record_output, in: out}}
  losses: {{type: record_loss, in: loss}}
)",
                  with.steps, with.batch_size, with.micro_batch, with.precision, with.classes, with.label),
      "test.yaml");
  RunOptions options{.on_thread_entry = on_thread_entry};
  options.restore = [&](RunInfo& run) {
    for (const WeightSpec& w : run.weights().weights()) {
      const std::string name = w.path.substr(w.path.find('/') + 1);
      run.weights().set_plain(run.weights().find(w.path), golden.at("weight/" + name).values,
                              run.values().values());
    }
    run.weights().pack(run.values());
  };
  Run run(plan(check(file, all, {.channel_block = with.block, .bfloat16 = bfloat16_available()})), options);
  run.run();
  RunInfo& info = run.info();
  for (const WeightSpec& w : info.weights().weights()) {
    const std::string name = w.path.substr(w.path.find('/') + 1);
    const int index = info.weights().find(w.path);
    trained.weights[name] = info.weights().plain(index, info.values().values());
    trained.gradients[name] = info.weights().plain(index, info.gradients());
  }
  return trained;
}

Trained train(const std::map<std::string, Plain>& golden, int steps, int micro_batch, int block,
              const std::string& precision = "float32") {
  return train(golden,
               {{"x", of_images(golden.at("x"))},
                {"t", of_images(golden.at("t"))},
                {"target", of_images(golden.at("target"))}},
               {.steps = steps, .micro_batch = micro_batch, .block = block, .precision = precision});
}

// A bias of the keys adds the same to all scores of a query, and softmax takes no notice: its gradient is
// zero but for rounding, which Adam then scales up.
bool has_no_effect(const std::string& weight) { return weight.ends_with("/k.bias"); }

TEST(UNetBesidePyTorch, HasTheSameWeights) {
  const auto golden = read_golden("pytorch_unet.safetensors");
  std::size_t weights = 0;
  for (const auto& [name, tensor] : golden) weights += name.starts_with("weight/");
  EXPECT_EQ(train(golden, 1, 1, channel_block()).weights.size(), weights);
}

TEST(UNetBesidePyTorch, GivesTheSameOutputAndLoss) {
  const auto golden = read_golden("pytorch_unet.safetensors");
  const Trained trained = train(golden, 1, 2, channel_block());
  EXPECT_LE(relative_error(trained.outputs.at(0), golden.at("output").values), 2e-5);
  EXPECT_LE(relative_error(trained.losses.at(0), golden.at("loss").values), 2e-5);
}

TEST(UNetBesidePyTorch, GivesTheSameGradients) {
  const auto golden = read_golden("pytorch_unet.safetensors");
  for (const int micro_batch : {1, 2}) {
    const Trained trained = train(golden, 1, micro_batch, channel_block());
    for (const auto& [name, gradient] : trained.gradients) {
      if (has_no_effect(name)) {
        for (float g : gradient) EXPECT_NEAR(g, 0, 1e-6) << name;
        continue;
      }
      EXPECT_LE(relative_error(gradient, golden.at("gradient/" + name).values), 2e-5) << name;
    }
  }
}

TEST(UNetBesidePyTorch, GivesTheSameOutputAndGradientsForClasses) {
  const auto golden = read_golden("class_unet.safetensors");
  std::map<std::string, Plain> images;
  for (const char* name : {"x", "t", "target", "label"}) images[name] = golden.at(name);
  for (const int micro_batch : {2, 4}) {
    const Trained trained = train(golden, images,
                                  {.steps = 1,
                                   .micro_batch = micro_batch,
                                   .block = channel_block(),
                                   .batch_size = 4,
                                   .classes = ", classes: 4",
                                   .label = ", label: images.label"});
    std::vector<float> output;
    for (const std::vector<float>& frame : trained.outputs)
      output.insert(output.end(), frame.begin(), frame.end());
    EXPECT_LE(relative_error(output, golden.at("output").values), 2e-5);
    EXPECT_EQ(trained.gradients.count("class_embedding.weight"), 1u);
    for (const auto& [name, gradient] : trained.gradients)
      if (!has_no_effect(name)) {
        EXPECT_LE(relative_error(gradient, golden.at("gradient/" + name).values), 2e-5) << name;
      }
  }
}

// bfloat16 keeps 8 bits: every activation is off by up to 2^-9 of itself.
TEST(UNetBesidePyTorch, ComesNearInBFloat16) {
  if (!bfloat16_available()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  const auto golden = read_golden("pytorch_unet.safetensors");
  const Trained trained = train(golden, 1, 2, channel_block(), "bfloat16");
  EXPECT_LE(relative_error(trained.outputs.at(0), golden.at("output").values), 0.02);
  EXPECT_LE(relative_error(trained.losses.at(0), golden.at("loss").values), 0.01);
  for (const auto& [name, gradient] : trained.gradients) {
    if (has_no_effect(name)) continue;
    EXPECT_LE(relative_error(gradient, golden.at("gradient/" + name).values), 0.08) << name;
  }
}

TEST(UNetBesidePyTorch, TrainsToTheSameWeights) {
  const auto golden = read_golden("pytorch_unet.safetensors");
  const Trained trained = train(golden, 20, 1, channel_block());
  for (const auto& [name, weight] : trained.weights) {
    if (has_no_effect(name)) continue;
    EXPECT_LE(relative_error(weight, golden.at("trained/" + name).values), 1e-4) << name;
  }
  ASSERT_EQ(trained.losses.size(), 40u);  // two frames a step
  std::vector<float> losses;
  for (std::size_t i = 0; i < 40; i += 2)
    losses.push_back((trained.losses[i][0] + trained.losses[i + 1][0]) / 2);
  EXPECT_LE(relative_error(losses, golden.at("losses").values), 1e-4);
}

}  // namespace
}  // namespace dagfusion::tests
