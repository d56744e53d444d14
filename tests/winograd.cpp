// Winograd's algorithm beside the direct way: the same values up to rounding, and bits that depend on nothing else.
#include "nodes/dnnl/winograd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nodes/kernels/convolution_gradient.h"
#include "tests/one_node.h"
#include "tests/small_run.h"

namespace dagfusion::tests {
namespace {

ConvolutionShape shape_of(int images, int in, int out, int height, int width) {
  return {.images = images,
          .channels_in = in,
          .channels_out = out,
          .height = height,
          .width = width,
          .out_height = height,
          .out_width = width,
          .block = 16};
}

ConvolutionWeight weight_of(const ConvolutionShape& s) {
  return {.out = s.channels_out, .in = s.channels_in, .kernel = 3, .block = 16};
}

// Aligned as everything in a run is, which oneDNN's streaming stores need.
struct Aligned {
  explicit Aligned(std::size_t n) : buffer(n * sizeof(float)) {}
  Aligned(std::size_t n, std::uint64_t seed) : Aligned(n) {
    const std::vector<float> from = gaussian({static_cast<std::int64_t>(n)}, seed).values;
    std::copy(from.begin(), from.end(), data());
  }
  float* data() const { return reinterpret_cast<float*>(buffer.data()); }
  std::size_t size() const { return buffer.size() / sizeof(float); }
  std::vector<float> copy() const { return {data(), data() + size()}; }
  Buffer buffer;
};

struct Data {
  explicit Data(const ConvolutionShape& s)
      : x_size(static_cast<std::size_t>(s.images) * s.channels_in * s.height * s.width),
        y_size(static_cast<std::size_t>(s.images) * s.channels_out * s.height * s.width),
        x(x_size, 1),
        add(y_size, 2),
        bias(static_cast<std::size_t>(s.channels_out), 3),
        weight(static_cast<std::size_t>(s.channels_in) * s.channels_out * 9, 4),
        dy(y_size, 5) {}
  std::size_t x_size, y_size;
  Aligned x, add, bias, weight, dy;
};

struct Result {
  std::vector<float> y, dx;
};

Result trained(const ConvolutionShape& s, bool winograd) {
  const Data d(s);
  const Convolution convolution(s, {.add = true, .backward_data = true, .winograd = winograd});
  Buffer scratch(convolution.scratch_bytes() + 64);
  const Aligned y(d.y_size), dx(d.x_size), packed(d.weight.size());
  convolution.forward(d.x.data(), d.weight.data(), d.bias.data(), d.add.data(), y.data(), scratch.data());
  weight_of(s).pack()(d.weight.data(), reinterpret_cast<std::byte*>(packed.data()));
  const Aligned& weight = winograd ? d.weight : packed;
  convolution.backward_data(d.dy.data(), reinterpret_cast<const std::byte*>(weight.data()), dx.data(),
                            scratch.data());
  return {y.copy(), dx.copy()};
}

std::vector<float> drawn(const ConvolutionShape& s) {
  const Data d(s);
  WinogradConvolution convolution(s, weight_of(s), true);
  convolution.prepare();
  Buffer packed(convolution.packed_bytes()), scratch(convolution.scratch_bytes() + 64);
  convolution.pack()(d.weight.data(), packed.data());
  const Aligned y(d.y_size);
  for (std::size_t p = 0; p < convolution.pieces(); ++p)
    convolution.forward(p, d.x.data(), packed.data(), d.bias.data(), d.add.data(), y.data(), scratch.data());
  return y.copy();
}

// The largest difference, as a share of the largest value.
double deviation(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::fabs(double(a[i]) - b[i]));
    largest = std::max(largest, std::fabs(double(b[i])));
  }
  return most / largest;
}

class Winograd : public ::testing::Test {
 protected:
  void SetUp() override {
    if (channel_block() != 16) GTEST_SKIP() << "oneDNN has Winograd's algorithm for AVX-512 only";
  }
};

constexpr double kBound = 1e-5;

TEST_F(Winograd, GivesWhatTheDirectWayGives) {
  for (const ConvolutionShape& s :
       {shape_of(1, 32, 32, 16, 16), shape_of(4, 64, 128, 8, 8), shape_of(2, 128, 64, 16, 12),
        shape_of(3, 96, 48, 13, 11), shape_of(1, 256, 256, 16, 16)}) {
    SCOPED_TRACE(fmt::format("{} images, {} to {} channels, {}x{}", s.images, s.channels_in, s.channels_out,
                             s.height, s.width));
    ASSERT_TRUE(Convolution::winograd_fits(s));
    const Result direct = trained(s, false), fast = trained(s, true);
    EXPECT_NE(fast.y, direct.y);  // it is another algorithm
    EXPECT_LT(deviation(fast.y, direct.y), kBound);
    EXPECT_LT(deviation(fast.dx, direct.dx), kBound);
    ASSERT_TRUE(WinogradConvolution::fits(s, weight_of(s)));
    EXPECT_LT(deviation(drawn(s), direct.y), kBound);
  }
}

TEST_F(Winograd, GivesTheGradientsOfTheDirectWay) {
  for (const ConvolutionShape& s :
       {shape_of(2, 32, 32, 16, 16), shape_of(8, 64, 128, 8, 8), shape_of(3, 96, 48, 13, 11)}) {
    ASSERT_TRUE(Convolution::winograd_gradient_fits(s));
    const Data d(s);
    const Convolution convolution(s, {.backward_data = true, .winograd = true, .gradient = true});
    Buffer scratch(convolution.scratch_bytes() + 64);
    const Aligned weight(d.weight.size(), 7), bias(d.bias.size(), 8);  // to be overwritten
    const Aligned expected(d.weight.size()), sums(d.bias.size());      // zero, to be added to
    convolution.gradient(d.x.data(), d.dy.data(), weight.data(), bias.data(), scratch.data());
    kernels::convolution_gradient(s, d.x.data(), d.dy.data(), expected.data(), sums.data());
    EXPECT_LT(deviation(weight.copy(), expected.copy()), 3e-5);
    EXPECT_LT(deviation(bias.copy(), sums.copy()), kBound);
  }
}

TEST_F(Winograd, DrawsAnImageWithTheSameBitsHoweverManyThereAre) {
  for (const int channels : {32, 64, 128, 256})
    for (const int side : {4, 8, 32}) {
      const ConvolutionShape one = shape_of(1, channels, channels, side, side);
      ConvolutionShape three = one;
      three.images = 3;
      const std::vector<float> single = drawn(one), several = drawn(three);
      EXPECT_TRUE(std::equal(single.begin(), single.end(), several.begin()))
          << channels << " channels, " << side;
    }
}

TEST_F(Winograd, IsForLargeEnoughShapesOnly) {
  EXPECT_TRUE(Convolution::winograd_fits(shape_of(4, 32, 32, 8, 8)));
  EXPECT_FALSE(Convolution::winograd_fits(shape_of(3, 32, 32, 8, 8)));  // 12 tiles
  EXPECT_FALSE(Convolution::winograd_fits(shape_of(4, 16, 32, 8, 8)));
  ConvolutionShape s = shape_of(4, 32, 32, 8, 8);
  s.kernel = 1;
  EXPECT_FALSE(Convolution::winograd_fits(s));
  s = shape_of(4, 32, 32, 8, 8);
  s.stride = 2;
  EXPECT_FALSE(Convolution::winograd_fits(s));
  EXPECT_FALSE(
      WinogradConvolution::fits(shape_of(1, 48, 48, 8, 8), {.out = 48, .in = 40, .kernel = 3, .block = 16}));
}

TEST_F(Winograd, HasTheGradientsOfFiniteDifferences) {
  OneNode conv("{type: conv2d, channels: 32, kernel: 3}",
               {{"x", gaussian({2, 32, 16, 16}, 1)}, {"add", gaussian({2, 32, 16, 16}, 2)}},
               {.training = true, .channel_block = 16});
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

TEST_F(Winograd, TrainsLikeTheDirectWay) {
  const ScratchFolder fast, direct;
  run_in(fast.path(), wide_training(6));
  run_in(direct.path(), wide_training(6, false));
  const std::vector<double> a = losses(fast.path()), b = losses(direct.path());
  ASSERT_EQ(a.size(), 6u);
  EXPECT_NE(a, b);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-4 * b[i]);
}

TEST_F(Winograd, TrainsWithTheSameBitsOnAnyThreads) {
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
