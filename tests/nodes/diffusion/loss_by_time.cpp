// loss_by_time, and its parts sums_by_time and means_by_time.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/scratch_folder.h"
#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

std::vector<float> sums(std::vector<float> t, std::vector<float> losses, const std::string& section,
                        int valid = -1) {
  const auto count = static_cast<std::int64_t>(t.size());
  OneNode node("{type: sums_by_time}",
               {{"per_image", {{count}, std::move(losses)}}, {"t", {{count}, std::move(t)}}},
               {.sections = "diffusion: {" + section + "}"});
  node.at(0, 0, valid);
  node.forward();
  return node.output("sums").values;
}

// Of 1000 timesteps 0 … 249 are the first quartile: losses 1 and 3, 5, none, 7; each by 4 images.
TEST(LossByTime, CutsTimestepsIntoFourths) {
  EXPECT_EQ(sums({0, 249, 250, 750}, {1, 3, 5, 7}, "timesteps: 1000"),
            (std::vector<float>{1, 1.25f, 0, 1.75f, .5f, .25f, 0, .25f}));
}

TEST(LossByTime, CutsByWhatTheProcessDrawsEvenly) {
  // edm: ln sigma from ln 0.002 to ln 80; half way is sqrt(0.002 * 80) = 0.4, a fourth 0.002 * 40000^0.25 = 0.0283.
  EXPECT_EQ(sums({.02f, .03f, .39f, .41f}, {1, 1, 1, 1}, "process: edm"),
            (std::vector<float>{.25f, .5f, .25f, 0, .25f, .5f, .25f, 0}));
  EXPECT_EQ(sums({.1f, .3f, .6f, .9f}, {1, 1, 1, 1}, "process: flow, prediction: velocity"),
            (std::vector<float>{.25f, .25f, .25f, .25f, .25f, .25f, .25f, .25f}));
}

TEST(LossByTime, LeavesOutImagesThatOnlyFillUpTheFrame) {
  EXPECT_EQ(sums({0, 999}, {2, 9}, "timesteps: 1000", 1), (std::vector<float>{2, 0, 0, 0, 1, 0, 0, 0}));
}

// The four parts, weighed by how many images are in each, are the loss.
TEST(LossByTime, LogsFourPartsThatMakeUpTheLoss) {
  const ScratchFolder scratch;
  std::string yaml = small_training(3);
  const std::string log = "in: {loss: loss, grad_norm: adam.grad_norm}";
  yaml.replace(
      yaml.find(log), log.size(),
      "in: {loss: loss, q0: by_time.loss_q0, q1: by_time.loss_q1, q2: by_time.loss_q2, q3: by_time.loss_q3}");
  yaml.replace(yaml.find("uniform_timesteps, in: x0"), 25, "uniform_timesteps, in: x0, pairing: stratified");
  yaml += "  by_time: {type: loss_by_time, in: {per_image: loss.per_image, t: t}}\n";
  run_in(scratch.path(), yaml);
  std::istringstream lines(log_without_seconds(scratch.path()));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "step,images,loss,q0,q1,q2,q3");
  int rows = 0;
  for (; std::getline(lines, line); ++rows) {
    double step, images, loss, q0, q1, q2, q3;
    ASSERT_EQ(
        std::sscanf(line.c_str(), "%lf,%lf,%lf,%lf,%lf,%lf,%lf", &step, &images, &loss, &q0, &q1, &q2, &q3),
        7);
    EXPECT_NEAR((q0 + q1 + q2 + q3) / 4, loss, 1e-5);  // stratified: 6 of 24 images in each
    EXPECT_NE(q0, q3);
  }
  EXPECT_EQ(rows, 3);
}

}  // namespace
}  // namespace dagfusion::tests
