#include "nodes/kernels/bfloat16.h"

#include <cmath>
#include <limits>

#include "nodes/kernels/bfloat16_dots.h"
#include "tests/fixtures/convolution_shapes.h"
#include "tests/fixtures/kernels.h"

namespace dagfusion::kernels {
namespace {

std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

// 1 + 2^-8 lies between 1 (0x3F80) and 1 + 2^-7 (0x3F81); 1 + 3 * 2^-8 between 0x3F81 and 0x3F82.
TEST(BFloat16, RoundsToTheNearestAndTiesToEven) {
  EXPECT_EQ(to_bfloat16(1.0f).bits, 0x3F80);
  EXPECT_EQ(to_bfloat16(1.0f + 0x1p-8f).bits, 0x3F80);
  EXPECT_EQ(to_bfloat16(1.0f + 0x1p-8f + 0x1p-20f).bits, 0x3F81);
  EXPECT_EQ(to_bfloat16(1.0f + 3 * 0x1p-8f).bits, 0x3F82);
  EXPECT_EQ(to_bfloat16(-2.0f).bits, 0xC000);
  EXPECT_EQ(to_bfloat16(std::numeric_limits<float>::max()).bits, 0x7F80);  // rounds up to infinity
  EXPECT_TRUE(std::isnan(to_float(to_bfloat16(std::nanf("")))));
  EXPECT_TRUE(std::isnan(to_float(to_bfloat16(std::bit_cast<float>(0x7F800001u)))));
}

TEST(BFloat16, ArraysMatchTheScalarFormOnEveryInstructionSet) {
  with_every_instruction_set([] {
    for (const std::size_t n : {0, 1, 3, 7, 8, 15, 16, 17, 33, 1000}) {
      auto x = random_floats(n, 3);
      const float special[] = {0.0f,        -0.0f,           INFINITY, -INFINITY, NAN,
                               1 + 0x1p-8f, 1 + 3 * 0x1p-8f, 3e38f,    -3.4e38f};
      for (std::size_t i = 0; i < n && i < std::size(special); ++i) x[n - 1 - i] = special[i];
      std::vector<BFloat16> y(n);
      std::vector<float> back(n);
      narrow(x.data(), y.data(), n);
      widen(y.data(), back.data(), n);
      for (std::size_t i = 0; i < n; ++i) {
        ASSERT_EQ(y[i].bits, to_bfloat16(x[i]).bits) << x[i] << " at " << i << " of " << n;
        ASSERT_EQ(bits(back[i]), bits(to_float(y[i])));
      }
    }
  });
}

struct Case {
  int images, in, out, height, width, kernel, stride, before;
};

// The definition, in double.
void reference(const ConvolutionShape& s, const std::vector<BFloat16>& x, const std::vector<BFloat16>& dy,
               std::vector<double>& dweight, std::vector<double>& dbias) {
  const int b = 16;
  for (int n = 0; n < s.images; ++n)
    for (int o = 0; o < s.channels_out; ++o)
      for (int p = 0; p < s.out_height; ++p)
        for (int q = 0; q < s.out_width; ++q) {
          const double d = to_float(
              dy[(((n * s.channels_out / b + o / b) * s.out_height + p) * s.out_width + q) * b + o % b]);
          dbias[o] += d;
          for (int i = 0; i < s.channels_in; ++i)
            for (int r = 0; r < s.kernel; ++r)
              for (int c = 0; c < s.kernel; ++c) {
                const int h = p * s.stride + r - s.before, w = q * s.stride + c - s.before;
                if (h < 0 || h >= s.height || w < 0 || w >= s.width) continue;
                dweight[(((o / b * (s.channels_in / b) + i / b) * s.kernel * s.kernel + r * s.kernel + c) *
                             b +
                         i % b) *
                            b +
                        o % b] +=
                    d *
                    to_float(x[(((n * s.channels_in / b + i / b) * s.height + h) * s.width + w) * b + i % b]);
              }
        }
}

TEST(BFloat16, ConvolutionGradientIsThatOfTheDefinition) {
  if (!has_bfloat16_dots()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  for (const Case c :
       {Case{2, 16, 16, 5, 7, 3, 1, 1}, Case{1, 32, 48, 6, 4, 3, 1, 1}, Case{1, 16, 80, 3, 3, 1, 1, 0},
        Case{2, 16, 32, 8, 8, 3, 2, 0}, Case{1, 48, 16, 7, 9, 3, 2, 1}, Case{1, 16, 16, 1, 1, 3, 1, 1},
        Case{1, 16, 64, 33, 34, 3, 1, 1}, Case{1, 32, 32, 20, 40, 1, 1, 0}, Case{1, 16, 16, 6, 6, 1, 2, 0}}) {
    ConvolutionShape s{.images = c.images,
                       .channels_in = c.in,
                       .channels_out = c.out,
                       .height = c.height,
                       .width = c.width,
                       .kernel = c.kernel,
                       .stride = c.stride,
                       .before = c.before,
                       .block = 16};
    const int padding = c.kernel == 1 ? 0 : c.before == 0 ? 1 : 2;
    s.out_height = (c.height + padding - c.kernel) / c.stride + 1;
    s.out_width = (c.width + padding - c.kernel) / c.stride + 1;
    const auto halves = [](std::size_t n, int seed) {
      std::vector<BFloat16> v(n);
      narrow(random_floats(n, seed).data(), v.data(), n);
      return v;
    };
    const auto x = halves(static_cast<std::size_t>(c.images) * c.in * c.height * c.width, 1);
    const auto dy = halves(static_cast<std::size_t>(c.images) * c.out * s.out_height * s.out_width, 2);
    std::vector<float> dweight(static_cast<std::size_t>(c.in) * c.out * c.kernel * c.kernel, 0.5f),
        dbias(c.out, 0.25f);
    std::vector<double> weights(dweight.size(), 0.5), biases(c.out, 0.25);
    std::vector<std::byte> scratch(convolution_gradient_scratch(s), std::byte{0xFF});  // NaN
    convolution_gradient(s, x.data(), dy.data(), dweight.data(), dbias.data(), scratch.data());
    reference(s, x, dy, weights, biases);
    const double pixels = s.out_height * s.out_width * c.images;
    for (std::size_t i = 0; i < weights.size(); ++i)
      ASSERT_NEAR(dweight[i], weights[i], 1e-5 * std::sqrt(pixels) + 1e-5)
          << "weight " << i << " of " << c.in << "x" << c.out;
    for (std::size_t i = 0; i < biases.size(); ++i)
      ASSERT_NEAR(dbias[i], biases[i], 1e-5 * std::sqrt(pixels) + 1e-5);
  }
}

TEST(BFloat16, ConvolutionGradientHasTheSameBitsImageByImage) {
  if (!has_bfloat16_dots()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  ConvolutionShape s = tests::same_size(3, 32, 32, 9, 9);
  std::vector<BFloat16> x(3 * 32 * 81), dy(x.size());
  narrow(random_floats(x.size(), 5).data(), x.data(), x.size());
  narrow(random_floats(x.size(), 6).data(), dy.data(), dy.size());
  std::vector<float> whole(32 * 32 * 9), parts(whole.size()), bias(32), bias_parts(32);
  std::vector<std::byte> scratch(convolution_gradient_scratch(s));
  convolution_gradient(s, x.data(), dy.data(), whole.data(), bias.data(), scratch.data());
  s.images = 1;
  for (int n = 0; n < 3; ++n)
    convolution_gradient(s, x.data() + n * 32 * 81, dy.data() + n * 32 * 81, parts.data(), bias_parts.data(),
                         scratch.data());
  EXPECT_EQ(whole, parts);
  EXPECT_EQ(bias, bias_parts);
}

}  // namespace
}  // namespace dagfusion::kernels
