#include "nodes/kernels/group_norm.h"

#include <limits>
#include <string>

#include "nodes/kernels/blocked.h"
#include "tests/fixtures/kernels.h"

namespace dagfusion::kernels {
namespace {

// One image with everything that both directions read, write and pass on.
struct Case {
  GroupNormShape shape;
  std::vector<float> x, shift, gamma, beta, dy;

  explicit Case(const GroupNormShape& s, double deviation = 1, double mean = 0.5) : shape(s) {
    const auto image = [&](std::uint32_t seed, double d, double m) {
      const auto plain = random_floats(s.channels * s.pixels, seed, d, m);
      std::vector<float> blocked(filled_up(s.channels, s.block) * s.pixels);
      reference::plain_to_blocked(plain.data(), blocked.data(), s.channels, s.pixels, s.block);
      return blocked;
    };
    x = image(1, deviation, mean);
    dy = image(2, 1, 0.1);
    shift = random_floats(s.channels, 3, deviation);
    gamma = random_floats(s.channels, 4, 0.3, 1);
    beta = random_floats(s.channels, 5, 0.5);
  }

  struct Result {
    std::vector<float> y, mean, rstd, dx, dshift, dgamma, dbeta;
  };
  template <class ForwardKernel, class BackwardKernel>
  Result run(const ForwardKernel& forward, const BackwardKernel& backward, bool with_shift = true) const {
    constexpr float kUnset = 7;
    const auto channels = static_cast<std::size_t>(shape.channels);
    Result r{.y = std::vector<float>(x.size(), kUnset),
             .mean = std::vector<float>(shape.groups),
             .rstd = std::vector<float>(shape.groups),
             .dx = std::vector<float>(x.size(), kUnset),
             .dshift = std::vector<float>(channels, kUnset),
             .dgamma = std::vector<float>(channels, 1),
             .dbeta = std::vector<float>(channels, 2)};
    const float* add = with_shift ? shift.data() : nullptr;
    forward(shape, x.data(), add, gamma.data(), beta.data(), r.y.data(), r.mean.data(), r.rstd.data());
    backward(shape, x.data(), add, r.mean.data(), r.rstd.data(), gamma.data(), beta.data(), dy.data(),
             r.dx.data(), r.dshift.data(), r.dgamma.data(), r.dbeta.data());
    return r;
  }
  Result result(bool with_shift = true) const {
    return run([](auto... arguments) { group_norm(arguments...); },
               [](auto... arguments) { group_norm_backward(arguments...); }, with_shift);
  }
  Result expected(bool with_shift = true) const {
    return run(reference::group_norm, reference::group_norm_backward, with_shift);
  }
};

std::string name(const GroupNormShape& s) {
  return std::to_string(s.channels) + " channels, " + std::to_string(s.groups) + " groups, " +
         std::to_string(s.pixels) + " pixels, block " + std::to_string(s.block) + (s.silu ? ", silu" : "");
}

// Groups within a block, as large as one, across several, one channel each, all in one; filling channels.
std::vector<GroupNormShape> shapes() {
  std::vector<GroupNormShape> all;
  for (const auto& [channels, groups] : std::vector<std::pair<int, int>>{
           {64, 32}, {32, 32}, {384, 32}, {64, 8}, {48, 1}, {12, 3}, {3, 1}, {36, 2}}) {
    for (const std::size_t pixels : {1, 9, 64, 1025}) {
      for (const int block : {8, 16}) {
        for (const bool silu : {false, true})
          for (const bool centered : {false, true})
            all.push_back({channels, groups, block, pixels, 1e-5f, silu, centered});
      }
    }
  }
  return all;
}

// Threads share the chunks of one image: three of 256 pixels and one of 9 here.
TEST(KernelsGroupNorm, ChunksHaveTheBitsOfTheWhole) {
  for (const auto& [channels, groups] : {std::pair{64, 32}, {36, 2}, {12, 3}})
    for (const int block : {8, 16}) {
      const Case c({channels, groups, block, 3 * kGroupNormChunk + 9, 1e-5f, true, true});
      const Case::Result whole = c.result();
      ASSERT_EQ(group_norm_chunks(c.shape.pixels), 4u);
      for (const std::vector<std::size_t>& cuts :
           {std::vector<std::size_t>{0, 2, 4}, {0, 1, 3, 4}, {0, 1, 2, 3, 4}}) {
        std::vector<float> sums(group_norm_sums_size(c.shape)), y(c.x.size()), mean(groups), rstd(groups);
        for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
          group_norm_sums(c.shape, {cuts[i], cuts[i + 1]}, c.x.data(), sums.data());
        for (std::size_t i = cuts.size() - 1; i-- > 0;)
          group_norm_from_sums(c.shape, {cuts[i], cuts[i + 1]}, c.x.data(), sums.data(), c.shift.data(),
                               c.gamma.data(), c.beta.data(), y.data(), mean.data(), rstd.data());
        EXPECT_EQ(y, whole.y);
        EXPECT_EQ(mean, whole.mean);
        EXPECT_EQ(rstd, whole.rstd);
      }
    }
}

TEST(KernelsGroupNorm, MatchesTheReferenceInBothDirections) {
  std::vector<std::pair<Case, Case::Result>> cases;
  for (const auto& shape : shapes()) {
    if (shape.pixels * shape.channels / shape.groups == 1) continue;  // one number has no variance
    Case c(shape);
    auto expected = c.expected();
    cases.emplace_back(std::move(c), std::move(expected));
  }
  with_every_instruction_set([&] {
    for (const auto& [c, expected] : cases) {
      SCOPED_TRACE(name(c.shape));
      const auto r = c.result();
      const double count = static_cast<double>(c.shape.pixels);
      expect_close(r.y, expected.y, 2e-6, 1e-6);
      expect_close(r.mean, expected.mean, 2e-7, 1e-7);
      expect_close(r.rstd, expected.rstd, 0, 4e-7);
      expect_close(r.dx, expected.dx, 5e-6, 1e-6);
      expect_close(r.dshift, expected.dshift, 5e-7 * (count + 8));
      expect_close(r.dgamma, expected.dgamma, 2e-7 * (count + 8), 1e-6);
      expect_close(r.dbeta, expected.dbeta, 2e-7 * (count + 8), 1e-6);
    }
  });
}

// A mean of 1000 at a deviation of 1: E[x^2] - mean^2 in float would have no correct digit.
TEST(KernelsGroupNorm, KeepsItsDigitsWhenTheMeanIsLarge) {
  Case c({.channels = 16, .groups = 4, .block = 8, .pixels = 1024, .silu = true}, 1, 1000);
  const auto expected = c.expected();
  with_every_instruction_set([&] {
    const auto r = c.result();
    expect_close(r.y, expected.y, 4e-6);
    expect_close(r.rstd, expected.rstd, 0, 1e-6);
    expect_close(r.dx, expected.dx, 1e-4);  // the mean that backward reads is rounded, by up to 3e-5
  });
}

TEST(KernelsGroupNorm, SurvivesAnOutlierAsFirstPixel) {
  Case c({.channels = 8, .groups = 2, .block = 8, .pixels = 1024});
  std::fill_n(c.x.begin(), 8, 1000.0f);
  const auto expected = c.expected();
  with_every_instruction_set([&] { expect_close(c.result().rstd, expected.rstd, 0, 1e-5); });
}

// Two channels in one group with the values (1, 3) and (5, 7): mean 4, variance (9 + 1 + 1 + 9) / 4 = 5.
TEST(KernelsGroupNorm, MatchesACaseWorkedByHand) {
  const GroupNormShape shape{.channels = 2, .groups = 1, .block = 8, .pixels = 2, .epsilon = 0};
  std::vector<float> x(16), y(16, 9), expected(16);
  x[0] = 1, x[8] = 3, x[1] = 5, x[9] = 7;
  const std::vector<float> gamma{1, 2}, beta{0, 10};
  const float unit = 1 / std::sqrt(5.0f);
  expected[0] = -3 * unit, expected[8] = -unit, expected[1] = 2 * unit + 10, expected[9] = 6 * unit + 10;
  with_every_instruction_set([&] {
    float mean = 0, rstd = 0;
    group_norm(shape, x.data(), nullptr, gamma.data(), beta.data(), y.data(), &mean, &rstd);
    expect_close(y, expected, 1e-6);
    EXPECT_EQ(mean, 4.0f);
    EXPECT_FLOAT_EQ(rstd, unit);
  });
}

TEST(KernelsGroupNorm, ShiftActsAsIfAddedToTheInput) {
  Case c({.channels = 24, .groups = 4, .block = 8, .pixels = 100, .silu = true});
  const auto expected = c.expected();
  for (int i = 0; i < 24; ++i) {
    for (std::size_t p = 0; p < 100; ++p) c.x[(i / 8 * 100 + p) * 8 + i % 8] += c.shift[i];
  }
  const auto r = c.result(false);
  expect_close(r.y, expected.y, 2e-6);
  expect_close(r.dx, expected.dx, 5e-6);
}

TEST(KernelsGroupNorm, GradientsMatchFiniteDifferences) {
  Case c({.channels = 12, .groups = 3, .block = 8, .pixels = 6, .silu = true});
  const auto loss = [&] {
    const auto r = c.expected();  // in double up to the last rounding
    double sum = 0;
    for (std::size_t i = 0; i < r.y.size(); ++i) sum += double{r.y[i]} * c.dy[i];
    return sum;
  };
  const auto slope = [&](float& at) {
    const float kept = at, step = 0x1p-6f;
    at = kept + step;
    const double above = loss();
    at = kept - step;
    const double below = loss();
    at = kept;
    return (above - below) / (2 * step);
  };
  const auto r = c.result();
  for (int i = 0; i < 12; ++i) {
    EXPECT_NEAR(r.dgamma[i] - 1, slope(c.gamma[i]), 2e-3) << i;
    EXPECT_NEAR(r.dbeta[i] - 2, slope(c.beta[i]), 2e-3) << i;
    EXPECT_NEAR(r.dshift[i], slope(c.shift[i]), 2e-3) << i;
    EXPECT_NEAR(r.dx[i / 8 * 48 + i % 8], slope(c.x[i / 8 * 48 + i % 8]), 2e-3) << i;
  }
}

TEST(KernelsGroupNorm, WorksInPlaceAndWithoutTheOptionalOutputs) {
  Case c({.channels = 40, .groups = 8, .block = 8, .pixels = 77, .silu = true});
  const auto expected = c.result();
  auto x = c.x, dx = c.dy;
  std::vector<float> mean(8), rstd(8);
  group_norm_backward(c.shape, c.x.data(), c.shift.data(), expected.mean.data(), expected.rstd.data(),
                      c.gamma.data(), c.beta.data(), dx.data(), dx.data(), nullptr, nullptr, nullptr);
  group_norm(c.shape, x.data(), c.shift.data(), c.gamma.data(), c.beta.data(), x.data(), mean.data(),
             rstd.data());
  EXPECT_EQ(x, expected.y);
  EXPECT_EQ(dx, expected.dx);
}

TEST(KernelsGroupNorm, WidensAndRoundsBFloat16OnTheWay) {
  const auto narrowed = [](const std::vector<float>& values) {
    std::vector<BFloat16> half(values.size());
    std::ranges::transform(values, half.begin(), to_bfloat16);
    return half;
  };
  const auto widened = [](const std::vector<BFloat16>& values) {
    std::vector<float> wide;
    for (const BFloat16 value : values) wide.push_back(to_float(value));
    return wide;
  };
  for (const GroupNormShape& shape :
       {GroupNormShape{.channels = 40, .groups = 8, .block = 8, .pixels = 77, .silu = true},
        GroupNormShape{.channels = 48, .groups = 16, .block = 16, .pixels = 600}})
    with_every_instruction_set([&] {
      Case c(shape);
      const std::vector<BFloat16> x = narrowed(c.x), dy = narrowed(c.dy);
      c.x = widened(x), c.dy = widened(dy);
      const auto expected = c.result();
      std::vector<BFloat16> y(x.size()), dx(x.size());
      std::vector<float> mean(shape.groups), rstd(shape.groups), dz(x.size());
      std::vector<float> dshift(shape.channels), dgamma(shape.channels, 1), dbeta(shape.channels, 2);
      group_norm(shape, x.data(), c.shift.data(), c.gamma.data(), c.beta.data(), y.data(), mean.data(),
                 rstd.data());
      group_norm_backward(shape, x.data(), c.shift.data(), mean.data(), rstd.data(), c.gamma.data(),
                          c.beta.data(), dy.data(), dz.data(), dx.data(), dshift.data(), dgamma.data(),
                          dbeta.data());
      EXPECT_EQ(widened(y), widened(narrowed(expected.y))) << name(shape);
      EXPECT_EQ(widened(dx), widened(narrowed(expected.dx))) << name(shape);
      EXPECT_EQ(mean, expected.mean);
      EXPECT_EQ(rstd, expected.rstd);
      EXPECT_EQ(dshift, expected.dshift);
      EXPECT_EQ(dgamma, expected.dgamma);
      EXPECT_EQ(dbeta, expected.dbeta);
    });
}

TEST(KernelsGroupNorm, ShowsNanAndInfinityInTheirGroupOnly) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Case c({.channels = 16, .groups = 4, .block = 8, .pixels = 20, .silu = true});
    c.x[8 * 3 + 5] = bad;  // channel 5, group 1
    with_every_instruction_set([&] {
      const auto r = c.result();
      for (std::size_t i = 0; i < r.y.size(); ++i) {
        const std::size_t channel = i / 160 * 8 + i % 8;
        EXPECT_EQ(std::isnan(r.y[i]), channel / 4 == 1) << i;
        EXPECT_EQ(std::isnan(r.dx[i]), channel / 4 == 1) << i;
      }
    });
  }
}

}  // namespace
}  // namespace dagfusion::kernels
