#include "nodes/kernels/half_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "nodes/kernels/bfloat16_dots.h"

namespace dagfusion::kernels {
namespace {

using Halves = std::vector<BFloat16>;

struct Case {
  HalfAttention shape;
  Halves q, k, v, dy;

  Case(int channels, int pixels) : shape{channels, pixels, 1 / std::sqrt(static_cast<float>(channels))} {
    std::mt19937 random(static_cast<unsigned>(channels * 1000 + pixels));
    std::normal_distribution<float> normal;
    for (Halves* all : {&q, &k, &v, &dy})
      for (int i = 0; i < channels * pixels; ++i) all->push_back(to_bfloat16(normal(random)));
  }
  std::size_t row() const { return half_attention_row(shape.pixels); }
  // Of a feature map, [C/16,P,16].
  double at(const Halves& x, int c, int p) const {
    return to_float(x[static_cast<std::size_t>((c / 16 * shape.pixels + p) * 16 + c % 16)]);
  }

  struct Result {
    Halves w, y, dq, dk, dv;
  };
  Result result(bool keeps_w) const {
    Result r{Halves(static_cast<std::size_t>(shape.pixels) * row()), Halves(q.size()), Halves(q.size()),
             Halves(q.size()), Halves(q.size())};
    std::vector<std::byte> memory(half_attention_scratch(shape) + 64);
    auto* scratch = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64);
    BFloat16* w = keeps_w ? r.w.data() : nullptr;
    half_attention_forward(shape, 0, shape.pixels, q.data(), k.data(), v.data(), w, r.y.data(), scratch);
    half_attention_backward(shape, q.data(), k.data(), v.data(), w, dy.data(), r.dq.data(), r.dk.data(),
                            r.dv.data(), scratch);
    return r;
  }
};

using Matrix = std::vector<std::vector<double>>;

// The formulas in double, nothing rounded.
struct Exact {
  Matrix y, dq, dk, dv;  // [C][P]

  explicit Exact(const Case& c) {
    const int channels = c.shape.channels, pixels = c.shape.pixels;
    const Matrix map(static_cast<std::size_t>(channels),
                     std::vector<double>(static_cast<std::size_t>(pixels)));
    y = dq = dk = dv = map;
    for (int i = 0; i < pixels; ++i) {
      std::vector<double> w, dw;
      double sum = 0, mean = 0;
      for (int j = 0; j < pixels; ++j) {
        double s = 0, d = 0;
        for (int n = 0; n < channels; ++n)
          s += c.at(c.q, n, i) * c.at(c.k, n, j), d += c.at(c.dy, n, i) * c.at(c.v, n, j);
        w.push_back(std::exp(s * c.shape.scale)), dw.push_back(d);
        sum += w.back();
      }
      for (int j = 0; j < pixels; ++j) w[j] /= sum, mean += w[j] * dw[j];
      for (int j = 0; j < pixels; ++j) {
        const double ds = w[j] * (dw[j] - mean) * c.shape.scale;
        for (int n = 0; n < channels; ++n) {
          y[n][i] += w[j] * c.at(c.v, n, j), dv[n][j] += w[j] * c.at(c.dy, n, i);
          dq[n][i] += ds * c.at(c.k, n, j), dk[n][j] += ds * c.at(c.q, n, i);
        }
      }
    }
  }
};

// Rounding the result alone is a relative error of 0.0016 (root mean square); with rounded weights NumPy finds 0.0023 to
// 0.0029.
void expect_near(const Case& c, const Halves& got, const Matrix& exact, const char* what) {
  double error = 0, square = 0;
  for (int n = 0; n < c.shape.channels; ++n)
    for (int p = 0; p < c.shape.pixels; ++p) {
      error += std::pow(exact[n][p] - c.at(got, n, p), 2);
      square += std::pow(exact[n][p], 2);
    }
  EXPECT_LT(std::sqrt(error / square), 0.004)
      << what << ", " << c.shape.channels << " channels, " << c.shape.pixels << " pixels";
}

class HalfAttentionKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_bfloat16_dots()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  }
};

TEST_F(HalfAttentionKernel, IsTheFormulaRounded) {
  for (const auto& [channels, pixels] :
       {std::pair{16, 2}, {16, 6}, {32, 16}, {48, 34}, {64, 64}, {80, 100}, {128, 256}}) {
    const Case c(channels, pixels);
    const Exact exact(c);
    const Case::Result got = c.result(true);
    expect_near(c, got.y, exact.y, "y");
    expect_near(c, got.dq, exact.dq, "dq");
    expect_near(c, got.dk, exact.dk, "dk");
    expect_near(c, got.dv, exact.dv, "dv");
  }
}

bool same(const Halves& a, const Halves& b) {
  return std::ranges::equal(a, b, [](BFloat16 x, BFloat16 y) { return x.bits == y.bits; });
}

TEST_F(HalfAttentionKernel, GivesTheSameBitsWithWeightsKeptOrMadeAgain) {
  const Case c(48, 34);
  const Case::Result kept = c.result(true), again = c.result(false);
  EXPECT_TRUE(same(kept.y, again.y));
  EXPECT_TRUE(same(kept.dq, again.dq));
  EXPECT_TRUE(same(kept.dk, again.dk));
  EXPECT_TRUE(same(kept.dv, again.dv));
}

TEST_F(HalfAttentionKernel, GivesTheSameBitsInAnyParts) {
  const Case c(32, 70);
  const Case::Result whole = c.result(true);
  std::vector<std::byte> memory(half_attention_scratch(c.shape) + 64);
  auto* scratch = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64);
  for (const std::vector<int>& cuts : {std::vector{0, 1, 70}, {0, 3, 20, 70}, {0, 33, 34, 35, 69, 70}}) {
    Halves y(c.q.size()), w(whole.w.size());
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
      half_attention_forward(c.shape, cuts[i], cuts[i + 1], c.q.data(), c.k.data(), c.v.data(), w.data(),
                             y.data(), scratch);
    EXPECT_TRUE(same(y, whole.y));
    EXPECT_TRUE(same(w, whole.w));
  }
}

TEST_F(HalfAttentionKernel, LeavesOutGradientsThatNobodyWants) {
  const Case c(32, 16);
  const Case::Result all = c.result(true);
  std::vector<std::byte> memory(half_attention_scratch(c.shape) + 64);
  auto* scratch = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64);
  for (int wanted = 0; wanted < 3; ++wanted) {
    Halves d(c.q.size());
    half_attention_backward(c.shape, c.q.data(), c.k.data(), c.v.data(), all.w.data(), c.dy.data(),
                            wanted == 0 ? d.data() : nullptr, wanted == 1 ? d.data() : nullptr,
                            wanted == 2 ? d.data() : nullptr, scratch);
    EXPECT_TRUE(same(d, wanted == 0 ? all.dq : wanted == 1 ? all.dk : all.dv)) << wanted;
  }
}

}  // namespace
}  // namespace dagfusion::kernels
