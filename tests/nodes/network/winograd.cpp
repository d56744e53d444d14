// What trains by Winograd's algorithm; the kernels themselves are tested in tests/nodes/kernels/winograd.cpp.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/small_run.h"

namespace dagfusion::tests {
namespace {

TEST(Winograd, HasTheGradientsOfFiniteDifferences) {
  OneNode conv("{type: conv2d, channels: 32, kernel: 3}",
               {{"x", gaussian({2, 32, 16, 16}, 1)}, {"add", gaussian({2, 32, 16, 16}, 2)}},
               {.training = true, .channel_block = channel_block()});
  expect_gradients_match(conv);
}

// A U-Net large enough for it, 32 channels at 16x16.
std::string wide_training(std::int64_t steps, bool winograd = true) {
  std::string yaml = small_training(steps);
  yaml.replace(yaml.find("channels: 8"), 11, "channels: 32");
  return winograd ? yaml : "run: {winograd: false, " + yaml.substr(6);
}

std::vector<double> losses(const std::filesystem::path& run) {
  std::istringstream lines(log_without_seconds(run));
  std::vector<double> found;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line))
    found.push_back(std::stod(line.substr(line.find(',', line.find(',') + 1) + 1)));
  return found;
}

TEST(Winograd, TrainsLikeTheDirectWay) {
  const ScratchFolder fast, direct;
  run_in(fast.path(), wide_training(6));
  run_in(direct.path(), wide_training(6, false));
  const std::vector<double> a = losses(fast.path()), b = losses(direct.path());
  ASSERT_EQ(a.size(), 6u);
  EXPECT_NE(a, b);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-4 * b[i]);
}

TEST(Winograd, TrainsWithTheSameBitsOnAnyThreads) {
  const auto trained_in = [](const Way& way) {
    const ScratchFolder folder;
    run_in(folder.path(), wide_training(4), way);
    return bytes_below(folder.path() / step_name(4));
  };
  const auto expected = trained_in({1, 1, 2});
  for (const Way& way : {Way{1, 3, 4}, Way{2, 2, 8}, Way{3, 1, 4}, Way{4, 8, 8}})
    EXPECT_EQ(differing(trained_in(way), expected), "")
        << way.threads << " threads, " << way.lanes << " lanes";
}

}  // namespace
}  // namespace dagfusion::tests
