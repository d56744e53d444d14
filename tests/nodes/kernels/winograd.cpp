// Winograd's algorithm beside the direct way:
// the same values up to rounding, and bits that depend on nothing else.
#include "nodes/kernels/winograd.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nodes/kernels/bfloat16.h"
#include "tests/fixtures/convolution_shapes.h"
#include "tests/fixtures/kernels.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

using kernels::ConvolutionShape;
using kernels::WinogradPart;
using kernels::WinogradPass;

std::string name_of(const ConvolutionShape& s) {
  return fmt::format("{} images, {} to {} channels, {}x{}, blocks of {}", s.images, s.channels_in,
                     s.channels_out, s.height, s.width, s.block);
}

// Aligned as everything in a run is.
struct Floats {
  explicit Floats(std::size_t n) : buffer(n * sizeof(float)) {}
  Floats(std::size_t n, std::uint64_t seed) : Floats(n) {
    const std::vector<float> from = gaussian({static_cast<std::int64_t>(n)}, seed).values;
    std::copy(from.begin(), from.end(), data());
  }
  float* data() const { return reinterpret_cast<float*>(buffer.data()); }
  float operator[](std::size_t i) const { return data()[i]; }
  std::size_t size() const { return buffer.size() / sizeof(float); }
  std::vector<float> copy() const { return {data(), data() + size()}; }
  Buffer buffer;
};

struct Data {
  explicit Data(const ConvolutionShape& s)
      : x(static_cast<std::size_t>(s.images) * s.channels_in * s.height * s.width, 1),
        add(static_cast<std::size_t>(s.images) * s.channels_out * s.height * s.width, 2),
        bias(static_cast<std::size_t>(s.channels_out), 3),
        weight(static_cast<std::size_t>(s.channels_in) * s.channels_out * 9, 4),
        dy(add.size(), 5) {}
  Floats x, add, bias, weight, dy;
};

struct Result {
  std::vector<float> y, dx, dweight, dbias;
};

Result by_winograd(const ConvolutionShape& s, int ways = 1) {
  const Data d(s);
  Buffer scratch(std::max(kernels::winograd_scratch(s), kernels::winograd_gradient_scratch(s)));
  const Floats y(d.dy.size()), dx(d.x.size()), dweight(d.weight.size(), 6), dbias(d.bias.size(), 7);
  for (const WinogradPart& part : kernels::winograd_parts(s, WinogradPass::forward, ways))
    kernels::winograd_forward(s, part, d.x.data(), d.weight.data(), d.bias.data(), d.add.data(), y.data(),
                              scratch.data());
  for (const WinogradPart& part : kernels::winograd_parts(s, WinogradPass::backward_data, ways))
    kernels::winograd_backward_data(s, part, d.dy.data(), d.weight.data(), dx.data(), scratch.data());
  const int blocks = s.channels_out / s.block;
  for (int i = 0; i < ways; ++i) {
    const int first = blocks * i / ways * s.block, end = blocks * (i + 1) / ways * s.block;
    kernels::winograd_gradient(s, first, end - first, d.x.data(), d.dy.data(), dweight.data(), dbias.data(),
                               scratch.data());
  }
  return {y.copy(), dx.copy(), dweight.copy(), dbias.copy()};
}

// The definition, in double, on the same layouts; the gradients added to the same numbers.
Result by_definition(const ConvolutionShape& s) {
  const Data d(s);
  const std::size_t block = s.block, pixels = static_cast<std::size_t>(s.height) * s.width;
  const auto map = [&](int channels, int n, int c, int p, int q) {
    return (n * channels + c / block * block) * pixels + (p * s.width + q) * block + c % block;
  };
  const auto kernel = [&](int o, int i, int tap) {
    return ((o / block * (s.channels_in / block) + i / block) * 9 + tap) * block * block + i % block * block +
           o % block;
  };
  const auto copied = [](const Floats& from) {
    const std::vector<float> values = from.copy();
    return std::vector<double>(values.begin(), values.end());
  };
  std::vector<double> y = copied(d.add), dx(d.x.size()), dweight = copied(Floats(d.weight.size(), 6)),
                      dbias = copied(Floats(d.bias.size(), 7));
  for (int n = 0; n < s.images; ++n)
    for (int o = 0; o < s.channels_out; ++o)
      for (int p = 0; p < s.height; ++p)
        for (int q = 0; q < s.width; ++q) {
          const std::size_t at = map(s.channels_out, n, o, p, q);
          y[at] += d.bias[o];
          dbias[o] += d.dy[at];
          for (int tap = 0; tap < 9; ++tap) {
            const int r = p + tap / 3 - 1, c = q + tap % 3 - 1;
            if (r < 0 || r >= s.height || c < 0 || c >= s.width) continue;
            for (int i = 0; i < s.channels_in; ++i) {
              const std::size_t from = map(s.channels_in, n, i, r, c), w = kernel(o, i, tap);
              y[at] += double(d.weight[w]) * d.x[from];
              dx[from] += double(d.weight[w]) * d.dy[at];
              dweight[w] += double(d.dy[at]) * d.x[from];
            }
          }
        }
  const auto rounded = [](const std::vector<double>& v) { return std::vector<float>(v.begin(), v.end()); };
  return {rounded(y), rounded(dx), rounded(dweight), rounded(dbias)};
}

// The largest difference, as a share of the largest value.
double deviation(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::fabs(double(a[i]) - b[i]));
    largest = std::max(largest, std::fabs(double(b[i])));
  }
  return most / largest;
}

void expect_near(const Result& found, const Result& expected, double bound) {
  EXPECT_LT(deviation(found.y, expected.y), bound);
  EXPECT_LT(deviation(found.dx, expected.dx), bound);
  EXPECT_LT(deviation(found.dweight, expected.dweight), bound);
  EXPECT_LT(deviation(found.dbias, expected.dbias), bound);
}

// Heights and widths that tiles do not divide,
// more channels than are in work at a time, one vector and several.
TEST(Winograd, GivesWhatTheDefinitionGivesOnEveryInstructionSet) {
  for (const ConvolutionShape& s :
       {same_size(2, 32, 48, 9, 7), same_size(1, 48, 32, 8, 8), same_size(1, 160, 32, 5, 6),
        same_size(2, 40, 56, 9, 7, 8), same_size(5, 32, 32, 4, 4, 8)}) {
    SCOPED_TRACE(name_of(s));
    ASSERT_TRUE(kernels::winograd_fits(s));
    const Result expected = by_definition(s);
    kernels::with_every_instruction_set([&] { expect_near(by_winograd(s), expected, 1e-5); });
  }
}

// Of the size of a real layer: more tiles than are in work at a time,
// and sums of output channels in two panels.
TEST(Winograd, GivesWhatTheDefinitionGivesForLargeLayers) {
  for (const ConvolutionShape& s : {same_size(3, 64, 64, 32, 32), same_size(1, 2048, 144, 5, 7)}) {
    SCOPED_TRACE(name_of(s));
    expect_near(by_winograd(s), by_definition(s), 3e-5);
  }
}

TEST(Winograd, LeavesOutABiasThatIsNotThere) {
  const ConvolutionShape s = same_size(1, 32, 32, 8, 8);
  const Data d(s);
  Buffer scratch(std::max(kernels::winograd_scratch(s), kernels::winograd_gradient_scratch(s)));
  const Floats with(d.dy.size()), without(d.dy.size()), dweight(d.weight.size(), 6);
  const WinogradPart all = kernels::winograd_parts(s, WinogradPass::forward, 1).front();
  kernels::winograd_forward(s, all, d.x.data(), d.weight.data(), Floats(d.bias.size()).data(),
                            Floats(d.add.size()).data(), with.data(), scratch.data());
  kernels::winograd_forward(s, all, d.x.data(), d.weight.data(), nullptr, nullptr, without.data(),
                            scratch.data());
  EXPECT_EQ(with.copy(), without.copy());
  kernels::winograd_gradient(s, 0, 32, d.x.data(), d.dy.data(), dweight.data(), nullptr, scratch.data());
  EXPECT_EQ(dweight.copy(), by_winograd(s).dweight);
}

TEST(Winograd, HasTheSameBitsHoweverItIsCut) {
  for (const ConvolutionShape& s :
       {same_size(3, 64, 96, 16, 12), same_size(1, 128, 128, 8, 8), same_size(40, 32, 32, 8, 8)}) {
    SCOPED_TRACE(name_of(s));
    const Result whole = by_winograd(s, 1);
    for (const int ways : {2, 3, 5}) {
      const Result cut = by_winograd(s, ways);
      EXPECT_EQ(cut.y, whole.y) << ways << " parts";
      EXPECT_EQ(cut.dx, whole.dx) << ways << " parts";
      EXPECT_EQ(cut.dweight, whole.dweight) << ways << " parts";
      EXPECT_EQ(cut.dbias, whole.dbias) << ways << " parts";
    }
  }
}

TEST(Winograd, TreatsAnImageTheSameHoweverManyThereAre) {
  for (const int channels : {32, 64, 256})
    for (const int side : {8, 32}) {
      const Result one = by_winograd(same_size(1, channels, channels, side, side)),
                   three = by_winograd(same_size(3, channels, channels, side, side));
      EXPECT_TRUE(std::equal(one.y.begin(), one.y.end(), three.y.begin()))
          << channels << " channels, " << side;
      EXPECT_TRUE(std::equal(one.dx.begin(), one.dx.end(), three.dx.begin()))
          << channels << " channels, " << side;
    }
}

// Every tile and channel in one part, and no part empty.
TEST(Winograd, CutsItsWorkIntoEvenParts) {
  for (const ConvolutionShape& s : {same_size(1, 256, 256, 8, 8), same_size(2, 32, 64, 32, 32)})
    for (const WinogradPass pass : {WinogradPass::forward, WinogradPass::backward_data})
      for (const int ways : {1, 2, 3, 1000}) {
        const int tiles = s.images * (s.height / 4) * (s.width / 4),
                  channels = pass == WinogradPass::forward ? s.channels_out : s.channels_in;
        std::vector<int> times(static_cast<std::size_t>(tiles) * channels);
        for (const WinogradPart& part : kernels::winograd_parts(s, pass, ways)) {
          EXPECT_GT(part.tiles * part.channels, 0);
          for (int t = part.first_tile; t < part.first_tile + part.tiles; ++t)
            for (int c = part.first_channel; c < part.first_channel + part.channels; ++c)
              ++times[t * channels + c];
        }
        EXPECT_EQ(std::ranges::count(times, 1), tiles * channels) << name_of(s) << ", " << ways << " ways";
      }
}

TEST(Winograd, IsForLargeEnoughShapesOnly) {
  EXPECT_TRUE(kernels::winograd_fits(same_size(1, 32, 32, 8, 8)));
  EXPECT_FALSE(kernels::winograd_fits(same_size(1, 32, 32, 4, 4)));  // 1 tile
  EXPECT_TRUE(kernels::winograd_fits(same_size(4, 32, 32, 4, 4)));
  EXPECT_FALSE(kernels::winograd_fits(same_size(4, 16, 32, 8, 8)));
  ConvolutionShape s = same_size(4, 32, 32, 8, 8);
  s.kernel = 1;
  EXPECT_FALSE(kernels::winograd_fits(s));
  s = same_size(4, 32, 32, 8, 8);
  s.stride = 2;
  EXPECT_FALSE(kernels::winograd_fits(s));
}

// Feature maps in bfloat16: the same sums, of widened values, rounded once at the end.
TEST(Winograd, RoundsBFloat16OnlyAtTheEnd) {
  struct Halves {
    Halves(const Floats& from) : values(from.size()), wide(from.size(), 0) {
      kernels::narrow(from.data(), values.data(), values.size());
      kernels::widen(values.data(), wide.data(), values.size());
    }
    std::vector<BFloat16> values;
    Floats wide;
  };
  const auto rounded = [](const Floats& wide) {
    std::vector<BFloat16> narrow(wide.size());
    kernels::narrow(wide.data(), narrow.data(), narrow.size());
    return narrow;
  };
  const auto bits = [](const std::vector<BFloat16>& halves) {
    std::vector<std::uint16_t> all;
    for (const BFloat16 h : halves) all.push_back(h.bits);
    return all;
  };
  for (const ConvolutionShape& s :
       {same_size(2, 32, 64, 8, 8), same_size(1, 48, 32, 9, 6), same_size(2, 32, 32, 8, 8, 8)})
    for (const std::string& set : kernels::instruction_sets()) {
      SCOPED_TRACE(name_of(s) + " " + set);
      kernels::use_instruction_set(set);
      const Data d(s);
      const Halves x(d.x), add(d.add), dy(d.dy);
      Buffer scratch(std::max(kernels::winograd_scratch(s), kernels::winograd_gradient_scratch(s)));
      const Floats y(d.dy.size()), dx(d.x.size()), dweight(d.weight.size(), 6), dbias(d.bias.size(), 7),
          half_dweight(d.weight.size(), 6), half_dbias(d.bias.size(), 7);
      std::vector<BFloat16> half_y(y.size()), half_dx(dx.size());
      const WinogradPart forward = kernels::winograd_parts(s, WinogradPass::forward, 1).front(),
                         backward = kernels::winograd_parts(s, WinogradPass::backward_data, 1).front();

      kernels::winograd_forward(s, forward, x.wide.data(), d.weight.data(), d.bias.data(), add.wide.data(),
                                y.data(), scratch.data());
      kernels::winograd_forward(s, forward, x.values.data(), d.weight.data(), d.bias.data(),
                                add.values.data(), half_y.data(), scratch.data());
      EXPECT_EQ(bits(half_y), bits(rounded(y)));
      kernels::winograd_backward_data(s, backward, dy.wide.data(), d.weight.data(), dx.data(),
                                      scratch.data());
      kernels::winograd_backward_data(s, backward, dy.values.data(), d.weight.data(), half_dx.data(),
                                      scratch.data());
      EXPECT_EQ(bits(half_dx), bits(rounded(dx)));
      kernels::winograd_gradient(s, 0, s.channels_out, x.wide.data(), dy.wide.data(), dweight.data(),
                                 dbias.data(), scratch.data());
      kernels::winograd_gradient(s, 0, s.channels_out, x.values.data(), dy.values.data(), half_dweight.data(),
                                 half_dbias.data(), scratch.data());
      EXPECT_EQ(half_dweight.copy(), dweight.copy());
      EXPECT_EQ(half_dbias.copy(), dbias.copy());
    }
  kernels::use_instruction_set(kernels::instruction_sets().front());
}

}  // namespace
}  // namespace dagfusion::tests
