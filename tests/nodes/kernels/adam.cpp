#include "nodes/kernels/adam.h"

#include "tests/fixtures/kernels.h"

namespace dagfusion::kernels {
namespace {

TEST(KernelsAdam, MatchesTheReferenceOverManySteps) {
  for (const bool decoupled : {true, false}) {
    for (const std::size_t n : {1, 7, 8, 100, 1003}) {
      const auto start = random_floats(n, 1);
      with_every_instruction_set([&] {
        auto value = start, expected = start;
        std::vector<float> m(n), v(n), m2(n), v2(n);
        for (int t = 1; t <= 20; ++t) {
          const auto gradient = random_floats(n, 10 + t);
          const AdamStep step{.gradient_scale = 0.5,
                              .learning_rate = 1e-2,
                              .correction1 = 1 - std::pow(0.9, t),
                              .correction2 = 1 - std::pow(0.999, t),
                              .weight_decay = 0.1,
                              .decoupled = decoupled};
          adam(step, value.data(), gradient.data(), m.data(), v.data(), n);
          reference::adam(step, expected.data(), gradient.data(), m2.data(), v2.data(), n);
        }
        expect_close(value, expected, 2e-6, 1e-6);
        expect_close(m, m2, 1e-7, 1e-6);
        expect_close(v, v2, 1e-9, 1e-6);
      });
    }
  }
}

// In the first step m / correction1 is g and v / correction2 is g^2, so every value moves by the learning
// rate against the sign of its gradient, however small that is: 1 - 0.1, 1 + 0.1; and 1 * (1 - 0.1 * 0.5) -
// 0.1 with AdamW's decay.
TEST(KernelsAdam, FirstStepIsTheLearningRate) {
  AdamStep step{.learning_rate = 0.1, .epsilon = 0, .correction1 = 0.1, .correction2 = 0.001};
  const std::vector<float> gradient{1e-3f, -20.0f};
  with_every_instruction_set([&] {
    std::vector<float> value{1, 1}, m(2), v(2);
    step.weight_decay = 0;
    adam(step, value.data(), gradient.data(), m.data(), v.data(), 2);
    expect_close(value, {0.9f, 1.1f}, 1e-6);
    expect_close(m, {1e-4f, -2}, 0, 1e-6);
    expect_close(v, {1e-9f, 0.4f}, 0, 1e-6);
    value = {1, 1}, m = {0, 0}, v = {0, 0}, step.weight_decay = 0.5;
    adam(step, value.data(), gradient.data(), m.data(), v.data(), 2);
    expect_close(value, {0.85f, 1.05f}, 1e-6);
  });
}

TEST(KernelsAdam, MovesAnAverage) {
  with_every_instruction_set([&] {
    for (const std::size_t n : {1, 5, 8, 16, 21, 1003}) {
      const auto value = random_floats(n, 1), start = random_floats(n, 2);
      auto average = start, expected = start;
      move_average(0.9999, value.data(), average.data(), n);
      reference::move_average(0.9999, value.data(), expected.data(), n);
      expect_close(average, expected, 1e-10, 1.2e-7);
    }
  });
}

}  // namespace
}  // namespace dagfusion::kernels
