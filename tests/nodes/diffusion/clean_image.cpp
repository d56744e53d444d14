// clean_image, and self-conditioning, which a second call of the model makes with it.
#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

float clean(float x, float prediction, float t, const std::string& parameters = "") {
  OneNode node("{type: clean_image" + parameters + "}",
               {{"x", {{1, 1}, {x}}}, {"prediction", {{1, 1}, {prediction}}}, {"t", {{1}, {t}}}},
               {.sections = "diffusion: {schedule: linear}"});
  node.forward();
  return node.output("x0").values[0];
}

TEST(CleanImage, AgreesWithTheGoldenNumbers) {
  EXPECT_NEAR(clean(.5f, .25f, 500), .9318835688, 1e-7);
  EXPECT_NEAR(clean(.5f, .25f, 50), .4636833684, 1e-7);
  EXPECT_NEAR(clean(.5f, -.25f, 500, ", clip: false"), 2.653367125, 3e-7);
}

TEST(CleanImage, StaysWithinTheRange) {
  EXPECT_EQ(clean(.5f, -.25f, 500), 1);
  EXPECT_EQ(clean(.5f, -.25f, 500, ", clip_range: 2"), 2);
}

TEST(CleanImage, HasTheGradientsOfFiniteDifferences) {
  for (const char* prediction : {"epsilon", "v"}) {
    OneNode node(
        "{type: clean_image, clip_range: 1.5}",
        {{"x", gaussian({3, 1, 4, 4}, 1)},
         {"prediction", gaussian({3, 1, 4, 4}, 2)},
         {"t", {{3}, {10, 200, 400}}}},
        {.sections = std::string("diffusion: {prediction: ") + prediction + "}", .no_gradient = {"t"}});
    expect_gradients_match(node, {.h = 1e-4, .bound = 1e-2});
  }
}

TEST(CleanImage, RefusesATimeThatTheProcessHasNot) {
  EXPECT_EQ(thrown([] { clean(0, 0, 1000); }),
            "t is 1000, but the times of 'process' discrete go from 0 to 999");
}

// A model with dropout and two channels, called twice; `more` nodes, and what `loss` compares `out` with.
std::string twice(const std::string& stream, const std::string& alone, const std::string& target,
                  const std::string& seen = "alone") {
  return R"(run: {seed: 3, steps: 4, batch_size: 8, micro_batch: 4}
diffusion: {schedule: cosine, timesteps: 100, prediction: v}
model: {type: unet, channels: 8, multipliers: [1], blocks: 1, groups: 4, dropout: 0.5, out_channels: 1}
nodes:
  images: {type: drawn_digits, size: 16}
  x0: {type: to_signed, in: images}
  t: {type: uniform_timesteps, in: x0}
  noise: {type: gaussian_noise, in: x0}
  xt: {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  nothing: {type: blank, in: xt}
  alone: {type: concat, in: {a: xt, b: nothing}}
  guess: {type: model, in: {x: )" +
         alone + R"(, t: t})" + stream + R"(}
  still: {type: stop_gradient, in: guess}
  guessed: {type: clean_image, in: {x: xt, prediction: still, t: t}}
  both: {type: concat, in: {a: xt, b: guessed}}
  out: {type: model, in: {x: )" +
         seen + R"(, t: t}}
  v: {type: prediction_target, in: {x0: x0, noise: noise, t: t}}
  loss: {type: mse_loss, in: {prediction: out, target: v}}
  calls: {type: mse_loss, in: {prediction: out, target: still}}
  adam: {type: adam, minimize: )" +
         target + R"(, learning_rate: 1.0e-2}
  log: {type: metrics_log, in: {loss: loss, calls: calls}}
  save: {type: checkpoint, every: 4}
)";
}

std::vector<double> column(const std::filesystem::path& folder, int which) {
  std::istringstream lines(file_text(folder / "metrics.csv"));
  std::string line;
  std::getline(lines, line);
  std::vector<double> values;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    std::string cell;
    for (int i = 0; i <= which; ++i) std::getline(cells, cell, ',');
    values.push_back(std::stod(cell));
  }
  return values;
}
constexpr int kCalls = 3;  // of the columns step, images, seconds, calls, loss

TEST(SelfConditioning, DropsTheSameInBothCallsOfOneStream) {
  const ScratchFolder same, other;
  run_in(same.path(), twice(", stream: out", "alone", "loss"));
  run_in(other.path(), twice("", "alone", "loss"));
  EXPECT_EQ(column(same.path(), kCalls), std::vector<double>(4));
  const std::vector<double> differ = column(other.path(), kCalls);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_GT(differ[i], 0);  // the last layer is 0 at first
}

// The first call has weights of the model and reads them, but changes nothing in what is learned.
TEST(SelfConditioning, TrainsTheSecondCallAlone) {
  const ScratchFolder with, without;
  run_in(with.path(), twice(", stream: out", "alone", "loss"));
  std::string one = twice(", stream: out", "alone", "loss");
  for (const char* name : {"guess:", "still:", "guessed:", "both:", "calls:"}) {
    const std::size_t at = one.find(std::string("  ") + name);
    one.erase(at, one.find('\n', at) + 1 - at);
  }
  one.replace(one.find(", calls: calls"), 14, "");
  run_in(without.path(), one);
  EXPECT_EQ(file_text(with.path() / step_name(4) / "weights.safetensors"),
            file_text(without.path() / step_name(4) / "weights.safetensors"));
}

TEST(SelfConditioning, SeesItsGuess) {
  const ScratchFolder guess, nothing;
  run_in(guess.path(), twice(", stream: out", "alone", "loss", "both"));
  run_in(nothing.path(), twice(", stream: out", "alone", "loss"));
  EXPECT_NE(file_text(guess.path() / step_name(4) / "weights.safetensors"),
            file_text(nothing.path() / step_name(4) / "weights.safetensors"));
}

// Half of the steps skip the first call: the same bits however frames are run.
TEST(SelfConditioning, SkipsItsGuessInHalfOfTheSteps) {
  std::string yaml = twice(", stream: out, when: coin, otherwise: zeros", "alone", "loss", "both");
  yaml.insert(yaml.find("  images:"), "  coin: {type: coin, in: x0}\n");
  yaml.replace(yaml.find("prediction: still, t: t}}"), 25,
               "prediction: still, t: t}, when: coin, otherwise: zeros}");
  yaml.replace(yaml.find("steps: 4"), 8, "steps: 8");
  std::map<std::string, std::string> first;
  for (const Way& way : {Way{1, 1, 2}, Way{4, 3, 4}}) {
    const ScratchFolder folder;
    run_in(folder.path(), yaml, way);
    const auto files = bytes_below(folder.path() / step_name(8));
    if (first.empty()) first = files;
    EXPECT_EQ(differing(files, first), "");
  }
}

}  // namespace
}  // namespace dagfusion::tests
