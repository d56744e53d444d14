// The nodes of training in whole runs of the engine.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "graph/plan/plan.h"
#include "graph/run/run.h"
#include "nodes/catalog.h"
#include "nodes/files/checkpoint_files.h"
#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

// Four numbers, whose mean is 3.
class Numbers final : public DataSet {
 public:
  explicit Numbers(Setup& setup) : x_(setup.output("x", {setup.run().micro_batch, 1})) {}
  std::optional<std::int64_t> size() const override { return 4; }
  std::string fingerprint() const override { return "1 2 3 6"; }
  void forward(Call& call) const override {
    const float values[] = {1, 2, 3, 6};
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n) {
      call.out<float>(x_)[n] = values[call.sample(static_cast<int>(n))];
    }
  }

 private:
  Output x_;
};

// loss = mean (w - x)^2, which is least where w is the mean of x.
// With `times: inf` its gradient is not finite.
class Distance final : public DifferentiableMap {
 public:
  explicit Distance(Setup& setup)
      : x_(setup.input("x")),
        loss_(setup.output("loss")),
        weight_(setup.weight("weight", {1}, {.kind = Init::Kind::constant, .value = 0})),
        times_(static_cast<float>(setup.real("times"))) {
    setup.accumulate_reads(x_);
  }
  void forward(Call& call) const override {
    const auto count = x_.spec.shape[0];
    float sum = 0;
    for (std::int64_t n = 0; n < count; ++n) {
      const float difference = *call.weight(weight_) - call.in<float>(x_)[n];
      sum += difference * difference;
    }
    *call.out<float>(loss_) = sum / static_cast<float>(count);
  }
  void backward(Call&) const override {}  // nobody wants d(x)
  void accumulate(Call& call) const override {
    const auto count = x_.spec.shape[0];
    float sum = 0;
    for (std::int64_t n = 0; n < count; ++n) sum += 2 * (*call.weight(weight_) - call.in<float>(x_)[n]);
    const float share = times_ * sum / static_cast<float>(count) * *call.d<float>(loss_);
    *call.d(weight_) = call.first_of_step() ? share : *call.d(weight_) + share;
  }

 private:
  Input x_;
  Output loss_;
  Weight weight_;
  float times_;
};

Catalog small_catalog() {
  return {.nodes = {{.name = "numbers",
                     .role = Role::data_set,
                     .outputs = {{"x", "[N,1] f32", ""}},
                     .parameters = {{.name = "shuffle", .kind = Kind::boolean, .standard = true}},
                     .shuffled_by = "shuffle",
                     .create = make_node<Numbers>},
                    {.name = "distance",
                     .role = Role::map,
                     .inputs = {{"x", "[N,1] f32", ""}},
                     .outputs = {{"loss", "[] f32", ""}},
                     .parameters = {{.name = "times", .kind = Kind::real, .standard = 1.0}},
                     .create = make_node<Distance>},
                    *catalog().find("adam"),
                    *catalog().find("clip_gradients"),
                    *catalog().find("adam_update"),
                    *catalog().find("pack_weights"),
                    *catalog().find("weight_average"),
                    *catalog().find("metrics_log"),
                    *catalog().find("checkpoint")}};
}

std::string pipeline(int steps, const std::string& optimiser, const std::string& loss = "") {
  return "run: {seed: 1, steps: " + std::to_string(steps) + ", batch_size: 4, micro_batch: 2}\n" +
         "nodes:\n"
         "  x: {type: numbers}\n"
         "  loss: {type: distance, in: x" +
         loss +
         "}\n"
         "  adam: {type: adam, minimize: loss, " +
         optimiser +
         "}\n"
         "  ema: {type: weight_average, after: adam, decay: 0.9}\n"
         "  log: {type: metrics_log, in: {loss: loss, grad_norm: adam.grad_norm, rate: adam.learning_rate}, "
         "every: 10}\n"
         "  save: {type: checkpoint, every: 20, keep: 0}\n";
}

// Runs it below `where`, from the start or from the newest checkpoint below `from`. Returns the weight.
float train(const std::string& yaml, const fs::path& where, int threads = 2, const fs::path& from = {}) {
  static const Catalog types = small_catalog();
  RunOptions options{.threads = threads, .directory = where, .resolved_yaml = "steps: ...\n"};
  if (!from.empty()) {
    std::vector<std::string> passed_over;
    const CheckpointFacts facts = open_checkpoint(from, passed_over);
    options.first_step = facts.step;
    options.restore = [facts](RunInfo& run) { restore(facts, run); };
  }
  Run run(plan(check(parse_document(yaml, "test.yaml"), types, {})), options);
  run.run();
  return run.info().weights().plain(0, run.info().values().values())[0];
}

TEST(Adam, ExpandsToClipUpdateAndPack) {
  const Catalog types = small_catalog();
  const Checked checked = check(parse_document(pipeline(1, "clip_norm: 1"), "test.yaml"), types, {});
  std::vector<std::string> paths;
  for (const CheckedNode& node : checked.nodes) {
    if (node.path.starts_with("adam")) paths.push_back(node.path + " " + node.type->name);
  }
  EXPECT_EQ(paths, (std::vector<std::string>{"adam/clip clip_gradients", "adam/update adam_update",
                                             "adam/pack pack_weights"}));
}

TEST(Adam, FindsTheMeanOfItsData) {
  ScratchFolder folder;
  EXPECT_NEAR(train(pipeline(400, "learning_rate: 0.05, warmup_steps: 10, clip_norm: 1"), folder.path()), 3,
              1e-3);
}

TEST(Adam, LogsTheGradientBeforeClipping) {
  ScratchFolder folder;
  train(pipeline(10, "learning_rate: 0.001, clip_norm: 0.5, warmup_steps: 100"), folder.path());
  const std::string text = file_text(folder.path() / "metrics.jsonl");
  const auto line = nlohmann::json::parse(text);
  EXPECT_EQ(line.at("step"), 10);
  EXPECT_NEAR(line.at("grad_norm").get<double>(), 6, 0.01);  // 2 (0 - 3), for w has hardly moved
  EXPECT_NEAR(line.at("loss").get<double>(), 12.5, 0.01);    // mean of 1, 4, 9, 36
  EXPECT_NEAR(line.at("rate").get<double>(), 5.5e-5, 1e-9);  // mean of 0.001 * 1/100 to 10/100
}

TEST(Adam, GoesOnFromACheckpointByteForByte) {
  const std::string optimiser = "learning_rate: 0.05, warmup_steps: 30, clip_norm: 1";
  ScratchFolder through, stopped;
  train(pipeline(60, optimiser), through.path(), 2);
  train(pipeline(40, optimiser), stopped.path(), 1);
  train(pipeline(60, optimiser), stopped.path(), 2, stopped.path());
  const fs::path last = fs::path("checkpoints") / "step-000060";
  for (const auto& entry : fs::directory_iterator(through.path() / last)) {
    EXPECT_EQ(file_text(entry.path()), file_text(stopped.path() / last / entry.path().filename()))
        << entry.path();
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(through.path() / last), fs::directory_iterator()), 7);
}

TEST(Adam, StopsBeforeTheUpdateWhenAGradientIsNotFinite) {
  ScratchFolder folder;
  const std::string message =
      thrown([&] { train(pipeline(5, "clip_norm: 1", ", times: 1.0e+39"), folder.path()); });
  EXPECT_NE(message.find("node 'adam/clip' (clip_gradients)"), std::string::npos) << message;
  EXPECT_NE(message.find("the gradient of 'loss.weight' is not finite"), std::string::npos) << message;
}

TEST(Adam, RefusesAPatternThatMatchesNothing) {
  const Catalog types = small_catalog();
  EXPECT_EQ(
      thrown([&] { check(parse_document(pipeline(1, "weights: 'model/**'"), "test.yaml"), types, {}); }),
      "test.yaml:5:47: node 'adam' (adam): 'weights' is 'model/**', which matches none of the 1 weights "
      "upstream of the loss, such as loss.weight");
}

}  // namespace
}  // namespace dagfusion::tests
