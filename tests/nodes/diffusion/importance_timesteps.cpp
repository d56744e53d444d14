// importance_timesteps, and the loss_history it reads.
#include <gtest/gtest.h>

#include "nodes/diffusion/loss_record.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

LossRecord record(int bins, const std::string& section = "{timesteps: 100}") {
  std::vector<Fault> faults;
  const auto process = discrete_process(Parameters::read(parse_document(section, "test.yaml"),
                                                         catalog().section("diffusion")->parameters, {},
                                                         "section 'diffusion'", faults));
  return LossRecord(*process, bins);
}

void fill(LossRecord& losses, const std::vector<double>& of_bins, int times = LossRecord::kKept) {
  for (int i = 0; i < times; ++i)
    for (int k = 0; k < losses.bins(); ++k) losses.add(k, of_bins[k]);
}

TEST(ImportanceTimesteps, AreEvenUntilEveryBinHasTenLosses) {
  LossRecord losses = record(2);
  fill(losses, {1, 3}, 9);
  losses.add(0, 1);
  losses.renew();
  EXPECT_EQ(losses.probability(0), .5);
  EXPECT_EQ(losses.draw(.7).share, .7);
  EXPECT_EQ(losses.draw(.7).weight, 1);
  losses.add(1, 3);
  losses.renew();
  EXPECT_NEAR(losses.probability(1), .999 * .75 + .0005, 1e-12);
}

TEST(ImportanceTimesteps, GoByTheMeanSquareOfTheLastTen) {
  LossRecord losses = record(2);
  fill(losses, {100, 100});
  for (int i = 0; i < 5; ++i) losses.add(0, 1), losses.add(0, 7), losses.add(1, 2), losses.add(1, 2);
  losses.renew();  // sqrt((1 + 49) / 2) = 5 and 2
  EXPECT_NEAR(losses.probability(0), .999 * 5 / 7 + .0005, 1e-12);
}

TEST(ImportanceTimesteps, SeeLossesOnceTheyAreRenewed) {
  LossRecord losses = record(2);
  fill(losses, {1, 3});
  EXPECT_EQ(losses.probability(0), .5);
  losses.renew();
  EXPECT_LT(losses.probability(0), .3);
}

// The mean over even u of weight * f(share) is that of f: here of the losses themselves, (1 + 2 + 5 + 0) / 4.
TEST(ImportanceTimesteps, MakeUpForItByTheirWeight) {
  LossRecord losses = record(4);
  const std::vector<double> loss = {1, 2, 5, 0};
  fill(losses, loss);
  losses.renew();
  double mean = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const LossRecord::Draw draw = losses.draw((i + .5) / kDraws);
    mean += draw.weight * loss[static_cast<std::size_t>(draw.share * 4)] / kDraws;
  }
  EXPECT_NEAR(mean, 2, 1e-3);
}

TEST(ImportanceTimesteps, KnowTheBinOfATime) {
  const LossRecord each = record(100), four = record(4);
  EXPECT_EQ(each.bin(0), 0);
  EXPECT_EQ(each.bin(99), 99);
  EXPECT_EQ(four.bin(24), 0);
  EXPECT_EQ(four.bin(25), 1);
  EXPECT_EQ(four.bin(99), 3);
}

std::string importance(std::int64_t steps, std::int64_t every) {
  std::string yaml = small_training(steps, every);
  const std::string draws = "{type: uniform_timesteps, in: x0}", loss = "target: target}}";
  yaml.replace(yaml.find(draws), draws.size(), "{type: importance_timesteps, in: x0, history: losses}");
  yaml.replace(yaml.find(loss), loss.size(), "target: target, weight: t.weight}}");
  return yaml +
         "  losses: {type: loss_history, in: {per_image: loss.per_image, t: t, weight: t.weight}, bins: 3}\n";
}

// 24 images a step: from the third step or so on all three bins have ten losses.
TEST(ImportanceTimesteps, GiveTheSameBitsInAnyWayAndAfterAStop) {
  constexpr std::int64_t kSteps = 8;
  const ScratchFolder whole;
  run_in(whole.path(), importance(kSteps, kSteps), {1, 1, 2});
  const auto expected = bytes_below(whole.path() / step_name(kSteps));
  EXPECT_TRUE(expected.contains("losses.safetensors"));
  const ScratchFolder other;
  run_in(other.path(), importance(kSteps, kSteps), {4, 3, 8});
  EXPECT_EQ(differing(bytes_below(other.path() / step_name(kSteps)), expected), "");
  const ScratchFolder stopped;
  run_in(stopped.path(), importance(kSteps, kSteps), {4, 3, 8}, false, 5);
  run_in(stopped.path(), importance(kSteps, kSteps), {2, 2, 4}, true);
  EXPECT_EQ(differing(bytes_below(stopped.path() / step_name(kSteps)), expected), "");
  const ScratchFolder even;
  run_in(even.path(), small_training(kSteps, kSteps), {1, 1, 2});
  EXPECT_NE(file_text(even.path() / step_name(kSteps) / "weights.safetensors"),
            expected.at("weights.safetensors"));
}

TEST(ImportanceTimesteps, RefuseAHistoryThatIsNotThere) {
  const ScratchFolder scratch;
  std::string yaml = importance(2, 2);
  yaml.replace(yaml.find("history: losses"), 15, "history: losess");
  const std::string error = thrown([&] { run_in(scratch.path(), yaml); });
  EXPECT_NE(
      error.find(
          "node 't' (importance_timesteps): 'history' is losess, but no node of type loss_history has that "
          "name (step 1, images 0 to 2)"),
      std::string::npos)
      << error;
}

TEST(LossHistory, RefusesMoreBinsThanTimesteps) {
  EXPECT_EQ(refusal("{type: loss_history, bins: 11}", {{"per_image", numbered({1})}, {"t", numbered({1})}},
                    {.sections = "diffusion: {timesteps: 10}"}),
            "test.yaml:1:28: node 'node' (loss_history): 'bins' is 11, more than the 10 timesteps of section "
            "'diffusion'");
}

}  // namespace
}  // namespace dagfusion::tests
