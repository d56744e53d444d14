#include <gtest/gtest.h>

#include "nodes/catalog.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/scratch_folder.h"
#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

// Two frames of two images, the last only filled up, after 2 steps.
std::string written(const Plain& first, std::vector<float> second) {
  const ScratchFolder scratch;
  OneNode mean("{type: mean_over_images, name: validation}", {{"loss", first}},
               {.directory = scratch.path().string()});
  mean.at(0);
  mean.forward();
  mean.set_input("loss", std::move(second));
  mean.at(2, 0, 1);
  mean.forward();
  dynamic_cast<Ordered&>(mean.node()).finish(mean.run());
  return file_text(scratch.path() / "validation.csv");
}

TEST(MeanOverImages, WritesTheMeanOfAllImages) {
  EXPECT_EQ(written({{2}, {1, 2}}, {6, 100}), "step,images,loss\n2,3,3\n");
}

TEST(MeanOverImages, WritesARowForEachValueOfAnImage) {
  EXPECT_EQ(written({{2, 2}, {1, 10, 2, 20}}, {6, 30, 100, 100}),
            "step,images,row,loss\n2,3,0,3\n2,3,1,20\n");
}

TEST(MeanOverImages, DrawsTheRowsAlongOneOfTheInputs) {
  const ScratchFolder scratch;
  OneNode mean(
      "{type: mean_over_images, name: terms, along: t}",
      {{"t", {{1, 3}, {0, 5, 10}}}, {"bits", {{1, 3}, {1, 3, 2}}}, {"wide", {{1, 3}, {1, 10, 1000}}}},
      {.directory = scratch.path().string()});
  mean.forward();
  dynamic_cast<Ordered&>(mean.node()).finish(mean.run());
  const std::string svg = file_text(scratch.path() / "terms.svg");
  EXPECT_NE(svg.find(">terms, 1 images, over t<"), svg.npos) << svg;
  EXPECT_NE(svg.find("<polyline points=\"60.0,276.0 240.0,66.0 420.0,171.0 \""), svg.npos) << svg;  // 1, 3, 2
  EXPECT_NE(svg.find(">log10 of wide<"), svg.npos) << svg;
  EXPECT_NE(svg.find("500.0,276.0 680.0,206.0 860.0,66.0"), svg.npos) << svg;  // 0, 1, 3
}

TEST(MeanOverImages, RefusesWhatItCannotDraw) {
  EXPECT_EQ(refusal("{type: mean_over_images, along: u}", {{"t", numbered({1, 3})}}),
            "test.yaml:1:33: node 'node' (mean_over_images): 'along' is 'u', which is no input of this node");
  EXPECT_EQ(
      refusal("{type: mean_over_images, along: t}", {{"t", numbered({3})}}),
      "test.yaml:1:33: node 'node' (mean_over_images): 'along' draws curves, but the inputs have one value "
      "of each image; loops collect several");
}

TEST(MeanOverImages, RefusesWhatItCannotWrite) {
  EXPECT_EQ(refusal("{type: mean_over_images}", {}),
            "test.yaml:1:1: node 'node' (mean_over_images): nothing is wired; say what to average, as in "
            "'in: {loss: "
            "loss.per_image}'");
  EXPECT_EQ(
      refusal("{type: mean_over_images}", {{"step", numbered({2})}}),
      "test.yaml:1:1: node 'node' (mean_over_images): 'step' is written anyway; give the input another name");
  EXPECT_EQ(
      refusal("{type: mean_over_images, name: a/b}", {{"loss", numbered({2})}}),
      "test.yaml:1:32: node 'node' (mean_over_images): 'name' is 'a/b'; it is the name of a file without a "
      "directory");
}

// The weights of an update that changes nothing have the same validation loss as those before it.
TEST(MeanOverImages, MeasuresTheSameLossAgainWithTheSameWeights) {
  const ScratchFolder scratch;
  write_text(scratch.path() / "validate.yaml", R"(run: {seed: 7}
nodes:
  number: {type: image_numbers, count: 10}
  images: {type: drawn_digits, size: 16}
  x0: {type: to_signed, in: images}
  t: {type: uniform_timesteps, in: number, pairing: stratified}
  noise: {type: gaussian_noise, in: x0}
  xt: {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  out: {type: model, in: {x: xt, t: t}}
  target: {type: prediction_target, in: {x0: x0, noise: noise, t: t}}
  loss: {type: mse_loss, in: {prediction: out, target: target}}
  mean: {type: mean_over_images, in: {loss: loss.per_image}, name: validation}
)");
  std::string yaml = small_training(3);
  yaml.replace(yaml.find("warmup_steps: 5"), 15,
               "warmup_steps: 1, decay_steps: 2");  // the third update is none
  yaml += "  validation: {type: run_pipeline, pipeline: " + (scratch.path() / "validate.yaml").string() +
          ", every: 1}\n";
  run_in(scratch.path(), yaml);
  const auto loss = [&](const std::string& step) {
    const std::string text = file_text(scratch.path() / "previews" / step / "validation.csv");
    EXPECT_TRUE(text.starts_with("step,images,loss\n" + step.substr(step.size() - 1) + ",10,")) << text;
    return text.substr(text.rfind(','));
  };
  EXPECT_NE(loss("step-000001"), loss("step-000002"));
  EXPECT_EQ(loss("step-000002"), loss("step-000003"));
}

}  // namespace
}  // namespace dagfusion::tests
