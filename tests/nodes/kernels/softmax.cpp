#include "nodes/kernels/softmax.h"

#include <limits>

#include "tests/fixtures/kernels.h"

namespace dagfusion::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(KernelsSoftmax, MatchesTheReferenceForEveryRowLength) {
  with_every_instruction_set([] {
    for (std::size_t columns = 1; columns <= 70; ++columns) {
      const auto scores = random_floats(3 * columns, 1, 5, 2), dp = random_floats(3 * columns, 2);
      auto p = scores, expected = scores;
      softmax(0.7f, p.data(), 3, columns);
      reference::softmax(0.7f, expected.data(), 3, columns);
      expect_close(p, expected, 1e-9, 3e-6);
      std::vector<float> ds(p.size()), expected_ds(p.size());
      softmax_backward(0.7f, p.data(), dp.data(), ds.data(), 3, columns);
      reference::softmax_backward(0.7f, p.data(), dp.data(), expected_ds.data(), 3, columns);
      expect_close(ds, expected_ds, 5e-7);
    }
  });
}

// exp(0) : exp(ln 2) : exp(ln 5) = 1 : 2 : 5 with half of each as scores and a scale of 2.
TEST(KernelsSoftmax, MatchesACaseWorkedByHand) {
  const std::vector<float> scores{0, 0.5f * std::log(2.0f), 0.5f * std::log(5.0f)};
  with_every_instruction_set([&] {
    auto p = scores;
    softmax(2, p.data(), 1, 3);
    expect_close(p, {0.125f, 0.25f, 0.625f}, 1e-7);
    // dp = (8, 0, 0): the dot product is 1, ds = 2 p (dp - 1).
    std::vector<float> ds{8, 0, 0};
    softmax_backward(2, p.data(), ds.data(), ds.data(), 1, 3);
    expect_close(ds, {1.75f, -0.5f, -1.25f}, 1e-6);
  });
}

TEST(KernelsSoftmax, SurvivesLargeScoresAndMakesHopelessOnesZero) {
  with_every_instruction_set([] {
    std::vector<float> p{1e30f, 1e30f, 0, -kInfinity, -1e30f, 1e30f, 0, 0, 1e30f};
    softmax(1, p.data(), 1, p.size());
    EXPECT_EQ(p, (std::vector<float>{0.25f, 0.25f, 0, 0, 0, 0.25f, 0, 0, 0.25f}));
  });
}

TEST(KernelsSoftmax, CutsOffAt87BelowTheMaximum) {
  with_every_instruction_set([] {
    std::vector<float> p{0, -44, -43};  // times the scale of 2: 88 and 86 below
    softmax(2, p.data(), 1, 3);
    EXPECT_EQ(p[1], 0.0f);
    EXPECT_GT(p[2], 0.0f);
  });
}

TEST(KernelsSoftmax, SpoilsTheWholeRowAndNoOtherWithWhatIsNotFinite) {
  for (const float bad : {kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    for (const std::size_t columns : {3, 8, 21}) {
      with_every_instruction_set([&] {
        for (std::size_t at = 0; at < columns; ++at) {
          std::vector<float> p(3 * columns, 1);
          p[columns + at] = bad;
          softmax(1, p.data(), 3, columns);
          for (std::size_t i = 0; i < p.size(); ++i) EXPECT_EQ(std::isnan(p[i]), i / columns == 1) << i;
        }
      });
    }
  }
}

}  // namespace
}  // namespace dagfusion::kernels
