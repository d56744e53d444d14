// Calls of the model on averaged weights in the middle of a training: `{type: model, weights: ema}`.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

// small_training, with dropout, beside a second call whose difference from the first is logged.
std::string with_second_call(const std::string& second, std::int64_t steps = 3,
                             const std::string& decay = "0.5") {
  std::string yaml = small_training(steps, steps);
  yaml.replace(yaml.find("attention_at"), 0, "inside: {conv_out: {init_scale: 1.0}}, ");
  yaml.replace(yaml.find("decay: 0.9"), 10, "decay: " + decay);
  yaml.replace(yaml.find("{loss: loss,"), 12, "{difference: difference, loss: loss,");
  return yaml + "  second: {type: model, in: {x: xt, t: t}" + second +
         "}\n  difference: {type: mse_loss, in: {prediction: out, target: second}}\n";
}

// The column `difference` of the log, a number for each step.
std::vector<double> differences(const std::string& yaml, const std::filesystem::path& folder) {
  run_in(folder, yaml);
  std::istringstream lines(file_text(folder / "metrics.csv"));
  std::string line;
  std::getline(lines, line);
  std::size_t column = 0;
  std::istringstream names(line);
  for (std::string name; std::getline(names, name, ',') && name != "difference";) ++column;
  std::vector<double> found;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    std::string cell;
    for (std::size_t c = 0; c <= column; ++c) std::getline(cells, cell, ',');
    found.push_back(std::stod(cell));
  }
  return found;
}

std::vector<double> differences(const std::string& yaml) {
  const ScratchFolder folder;
  return differences(yaml, folder.path());
}

// Before its first update an average is a copy, so that all that can differ in the first step is the dropout.
TEST(Averaged, DropsWhatTheOtherCallDropsWhereTheyShareAStream) {
  EXPECT_EQ(differences(with_second_call(", weights: ema, stream: out")).at(0), 0);
  EXPECT_GT(differences(with_second_call(", weights: ema")).at(0), 0);
  EXPECT_EQ(differences(with_second_call(", stream: out")), (std::vector<double>{0, 0, 0}));
}

// With decay 0 each update is a copy. The first one always is, so that others differ from the third step on.
TEST(Averaged, ReadsTheAverageAfterTheStepBefore) {
  EXPECT_EQ(differences(with_second_call(", weights: ema, stream: out", 4, "0")),
            (std::vector<double>{0, 0, 0, 0}));
  const std::vector<double> found = differences(with_second_call(", weights: ema, stream: out", 4));
  EXPECT_EQ(found.at(0), 0);
  EXPECT_EQ(found.at(1), 0);
  EXPECT_GT(found.at(2), 0);
  EXPECT_GT(found.at(3), 0);
}

std::map<std::string, std::string> trained_with(const std::string& yaml) {
  const ScratchFolder folder;
  run_in(folder.path(), yaml);
  std::map<std::string, std::string> files = bytes_below(folder.path() / step_name(3));
  for (const char* name : {"pipeline.yaml", "MANIFEST", "state.json"}) files.erase(name);
  return files;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  return text.replace(text.find(what), what.size(), with);
}

// The averaged prediction as the target of a consistency loss, behind stop_gradient or not; and a call that nobody
// learns from changes nothing.
TEST(Averaged, LetsNoGradientThrough) {
  const std::string apart =
      with_second_call(", weights: ema");  // which drops something else: a gradient that is not 0
  const std::string loss = replaced(apart, "minimize: loss", "minimize: difference");
  const std::string stopped =
      replaced(loss, "target: second}", "target: still}") + "  still: {type: stop_gradient, in: second}\n";
  EXPECT_EQ(differing(trained_with(loss), trained_with(stopped)), "");
  EXPECT_NE(differing(trained_with(loss), trained_with(apart)), "");
  EXPECT_EQ(differing(trained_with(apart), trained_with(with_second_call(""))), "");
}

TEST(Averaged, HasTheSameBitsOnAnyNumberOfThreads) {
  const std::string yaml =
      replaced(with_second_call(", weights: ema"), "minimize: loss", "minimize: difference");
  const ScratchFolder one, three;
  run_in(one.path(), yaml, {.threads = 1, .lanes = 1, .frames_in_flight = 1});
  run_in(three.path(), yaml, {.threads = 3, .lanes = 3, .frames_in_flight = 5});
  EXPECT_EQ(differing(bytes_below(one.path() / step_name(3)), bytes_below(three.path() / step_name(3))), "");
}

TEST(Averaged, GoesOnAsIfItHadNeverStopped) {
  const std::string yaml =
      replaced(with_second_call(", weights: ema", 4), "minimize: loss", "minimize: difference");
  const ScratchFolder whole, parts;
  run_in(whole.path(), yaml);
  run_in(parts.path(), yaml, {}, false, 2);
  run_in(parts.path(), yaml, {}, true);
  EXPECT_EQ(differing(bytes_below(whole.path() / step_name(4)), bytes_below(parts.path() / step_name(4))),
            "");
  EXPECT_EQ(log_without_seconds(whole.path()), log_without_seconds(parts.path()));
}

std::string refused(const std::string& yaml) {
  return thrown(
      [&] { check(parse_document(yaml, "test.yaml"), catalog(), {.channel_block = channel_block()}); });
}

TEST(Averaged, RefusesWhatKeepsNoWeights) {
  const std::string start = "test.yaml:17:53: 'weights' is ";
  EXPECT_EQ(refused(with_second_call(", weights: emma")),
            start + "emma, which is no node here; it must be live or ema");
  EXPECT_EQ(refused(with_second_call(", weights: log")),
            start + "log, which keeps no weights; it must be live or ema");
  EXPECT_EQ(
      refused(with_second_call(", weights: [ema]")),
      "test.yaml:17:53: node 'second' (model): 'weights' is a list; it must be live, or the name of the node "
      "that averages them");
}

TEST(Averaged, IsRefusedWhereNothingIsTrained) {
  EXPECT_EQ(
      refused(R"(diffusion: {}
model: {type: unet, channels: 8, multipliers: [1, 2], groups: 4, attention_at: []}
run: {images: 4}
nodes:
  images: {type: drawn_digits, size: 16}
  x0: {type: to_signed, in: images}
  t: {type: uniform_timesteps, in: x0}
  out: {type: model, in: {x: x0, t: t}, weights: ema}
)"),
      "test.yaml:8:50: node 'out' (model): 'weights' is ema, but nothing is trained here; the section of the "
      "model says which of a checkpoint's weights to use");
}

TEST(Averaged, LeavesNothingToTrainWhereItIsTheOnlyCall) {
  const std::string yaml = replaced(small_training(2), "out: {type: model, in: {x: xt, t: t}}",
                                    "out: {type: model, in: {x: xt, t: t}, weights: ema}");
  EXPECT_EQ(refused(yaml),
            "test.yaml:13:3: node 'adam' (adam): nothing to train: no weights lie upstream of the loss");
}

}  // namespace
}  // namespace dagfusion::tests
