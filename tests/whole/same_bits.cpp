// The same bytes in every file of a checkpoint, however a run was carried out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/fixtures/hdf5_files.h"
#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSteps = 30;
const Way kPlain = {.threads = 1, .lanes = 1, .frames_in_flight = 2};

using Files = std::map<std::string, std::string>;

Files trained(const std::string& yaml, std::int64_t steps, const Way& way) {
  const ScratchFolder folder;
  run_in(folder.path(), yaml, way);
  return bytes_below(folder.path() / step_name(steps));
}

const Files& reference() {
  static const Files files = trained(small_training(kSteps), kSteps, kPlain);
  return files;
}

TEST(SameBits, WithAnyThreadsLanesAndFramesInFlight) {
  ASSERT_EQ(reference().size(),
            7u);  // weights, Adam's moments, average, sums of the log, pipeline, facts, MANIFEST
  for (const Way& way : {Way{1, 3, 8}, Way{1, 8, 4}, Way{2, 1, 4}, Way{2, 2, 8}, Way{3, 1, 8}, Way{3, 3, 4},
                         Way{4, 2, 2}, Way{4, 8, 8}, Way{9, 8, 8}}) {
    const std::string differ = differing(trained(small_training(kSteps), kSteps, way), reference());
    EXPECT_EQ(differ, "") << way.threads << " threads, " << way.lanes << " lanes, " << way.frames_in_flight
                          << " frames in flight";
  }
}

TEST(SameBits, WhenValuesAreMadeAgainForTheBackwardPass) {
  const auto again = [](const std::string& yaml) { return "run: {recompute: true, " + yaml.substr(6); };
  const auto weights_of = [](const std::string& yaml) {
    Files files = trained(yaml, kSteps, {3, 3, 4});
    files.erase("MANIFEST");
    files.erase("pipeline.yaml");
    return files;
  };
  std::vector<std::string> all = {small_training(kSteps)};
  if (bfloat16_available()) all.push_back(in_bfloat16(all[0]));
  for (const std::string& yaml : all)
    EXPECT_EQ(differing(weights_of(again(yaml)), weights_of(yaml)), "") << yaml;
}

TEST(SameBits, InBFloat16) {
  if (!bfloat16_available()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  const std::string yaml = in_bfloat16(small_training(kSteps));
  const Files expected = trained(yaml, kSteps, kPlain);
  EXPECT_NE(differing(expected, reference()), "");
  for (const Way& way : {Way{1, 8, 4}, Way{2, 2, 8}, Way{3, 1, 8}, Way{4, 8, 8}})
    EXPECT_EQ(differing(trained(yaml, kSteps, way), expected), "")
        << way.threads << " threads, " << way.lanes << " lanes";
}

TEST(SameBits, AgainAndAgain) {  // with more threads than cores, so that every run takes another path
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(differing(trained(small_training(kSteps), kSteps, {4, 4, 8}), reference()), "");
}

TEST(SameBits, NotWithAnotherBatchOrSeed) {  // so the bytes that are compared do depend on the run
  std::string other_seed = small_training(kSteps);
  other_seed.replace(other_seed.find("seed: 3"), 7, "seed: 4");
  for (const std::string& yaml : {other_seed, small_training(kSteps, 1000, kDigits, 3, 12)})
    EXPECT_EQ(
        differing(trained(yaml, kSteps, {}), reference()),
        "MANIFEST adam.update.safetensors ema.safetensors pipeline.yaml state.json weights.safetensors ");
}

// Stops `every_so_many` steps further on (or one more, when it has begun), goes on in another way, and so on.
void stop_and_go(const std::string& yaml, std::int64_t steps, std::int64_t every_so_many,
                 const Files& expected, const std::string& expected_log) {
  const ScratchFolder folder;
  std::vector<std::int64_t> stops;
  const std::vector<Way> ways = {{2, 2, 8}, {1, 1, 2}, {4, 3, 4}, {3, 8, 8}};
  for (std::size_t turn = 0;; ++turn) {
    ASSERT_LT(turn, 100u);
    const std::int64_t stop = (stops.empty() ? 0 : stops.back()) + every_so_many;
    const Report report = run_in(folder.path(), yaml, ways[turn % ways.size()], turn > 0, stop);
    stops.push_back(report.progress.steps);
    if (report.outcome == Report::Outcome::done) break;
    ASSERT_GE(stops.back(), stop);
    ASSERT_TRUE(fs::exists(folder.path() / step_name(stops.back())));
  }
  EXPECT_EQ(differing(bytes_below(folder.path() / step_name(steps)), expected), "")
      << ::testing::PrintToString(stops);
  EXPECT_EQ(log_without_seconds(folder.path()), expected_log);
}

TEST(SameBits, AfterAStopAtAnyStep) {
  const ScratchFolder whole;
  const std::string yaml = small_training(12, 5);  // saves after 5, 10 and 12
  run_in(whole.path(), yaml, kPlain);
  const Files files = bytes_below(whole.path() / step_name(12));
  const std::string log = log_without_seconds(whole.path());
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 13);
  for (const std::int64_t k : {1, 3, 5, 7}) stop_and_go(yaml, 12, k, files, log);
}

// 50 images and 24 a step: every epoch ends inside a step, and every stop lies inside an epoch.
TEST(SameBits, AfterAStopInTheMiddleOfAnEpoch) {
  const ScratchFolder folder, whole;
  NewHdf5(folder / "images.h5").images({50, 16, 16, 1});
  const std::string yaml =
      small_training(11, 4, "{type: hdf5_images, shuffle: true, path: " + (folder / "images.h5") + "}");
  run_in(whole.path(), yaml, kPlain);
  const Files files = bytes_below(whole.path() / step_name(11));
  for (const std::int64_t k : {1, 2}) stop_and_go(yaml, 11, k, files, log_without_seconds(whole.path()));
}

TEST(SameBits, AfterMoreStepsThanWereAskedForAtFirst) {
  const ScratchFolder folder;
  std::string shorter = small_training(7), longer = small_training(13);
  for (std::string* yaml : {&shorter, &longer})
    yaml->replace(yaml->find("decay: 0.9"), 10, "decay: 0.9, every: 4");
  run_in(folder.path(), shorter);
  run_in(folder.path(), longer, {}, true);
  EXPECT_EQ(differing(bytes_below(folder.path() / step_name(13)), trained(longer, 13, kPlain)), "");
}

}  // namespace
}  // namespace dagfusion::tests
