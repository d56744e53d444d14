// The direct convolution: what fills blocks up, instruction sets, and work that threads share.
#include "nodes/kernels/convolution.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "nodes/kernels/convolution_gradient.h"
#include "nodes/kernels/instruction_set.h"
#include "nodes/network/convolution_weight.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

using kernels::ConvolutionShape;

// 5 of 8 output channels, 12 of 16 input channels: the others are filling.
TEST(KernelsConvolution, FillingStaysZero) {
  const ConvolutionWeight layout = {.out = 5, .in = 12, .kernel = 3, .block = 8};
  const ConvolutionShape shape = {.images = 2,
                                  .channels_in = 16,
                                  .channels_out = 8,
                                  .height = 4,
                                  .width = 4,
                                  .out_height = 4,
                                  .out_width = 4};
  const auto filled = [&](int channels, std::uint64_t seed) {
    const Plain from = gaussian({2, channels, 16}, seed);
    std::vector<float> to(2 * blocks_of(channels, 8) * 16 * 8);
    for (int n = 0; n < 2; ++n) {
      for (int c = 0; c < channels; ++c) {
        for (int p = 0; p < 16; ++p) {
          to[((n * blocks_of(channels, 8) + c / 8) * 16 + p) * 8 + c % 8] =
              from.values[(n * channels + c) * 16 + p];
        }
      }
    }
    return to;
  };
  const auto expect_zero_from = [](const std::vector<float>& values, int channels) {
    const std::size_t blocks = blocks_of(channels, 8);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t channel = i / (16 * 8) % blocks * 8 + i % 8;
      if (channel >= static_cast<std::size_t>(channels)) {
        ASSERT_EQ(values[i], 0) << "at " << i;
      }
    }
  };
  const std::vector<float> x = filled(12, 1), dy = filled(5, 2), add = filled(5, 3);
  std::vector<float> weight(layout.stored().elements), bias(8), dweight(weight.size()), dbias(8),
      y(dy.size()), dx(x.size());
  layout.stored().store(gaussian({5, 12, 3, 3}, 4).values.data(), weight.data());
  stored_channels(5, 8).store(gaussian({5}, 5).values.data(), bias.data());
  Buffer packed(layout.packed_bytes());
  layout.pack()(weight.data(), packed.data());

  for (const int image : {0, 1}) {
    kernels::convolution_forward(shape, {image, 0, 4}, x.data(), weight.data(), bias.data(), add.data(),
                                 y.data());
    kernels::convolution_backward_data(shape, {image, 0, 4}, dy.data(),
                                       reinterpret_cast<const float*>(packed.data()), dx.data());
  }
  expect_zero_from(y, 5);
  expect_zero_from(dx, 12);
  kernels::convolution_gradient(shape, x.data(), dy.data(), dweight.data(), dbias.data());
  for (int o = 5; o < 8; ++o) EXPECT_EQ(dbias[o], 0);
  std::vector<float> round_trip(5 * 12 * 9), again(dweight.size());
  layout.stored().load(dweight.data(), round_trip.data());
  layout.stored().store(round_trip.data(), again.data());  // zeros in the filling
  EXPECT_EQ(again, dweight);
}

// The kernels are compiled for every instruction set; the others must give the same within rounding.
TEST(KernelsConvolution, IsTheSameOnEveryInstructionSet) {
  const ConvolutionShape shape = {.images = 1,
                                  .channels_in = 16,
                                  .channels_out = 40,
                                  .height = 9,
                                  .width = 7,
                                  .out_height = 5,
                                  .out_width = 4,
                                  .stride = 2};
  const std::vector<float> x = gaussian({16 * 63}, 1).values, dy = gaussian({40 * 20}, 2).values,
                           weight = gaussian({16 * 40 * 9}, 3).values, bias = gaussian({40}, 4).values;
  struct Results {
    std::vector<float> y = std::vector<float>(40 * 20), dx = std::vector<float>(16 * 63),
                       dweight = std::vector<float>(16 * 40 * 9), dbias = std::vector<float>(40);
  };
  const auto expect_near = [](const std::vector<float>& a, const std::vector<float>& b) {
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-4) << "element " << i;
  };
  std::vector<Results> sets;
  for (const std::string& name : kernels::instruction_sets()) {
    kernels::use_instruction_set(name);
    Results& r = sets.emplace_back();
    kernels::convolution_forward(shape, {0, 0, 5}, x.data(), weight.data(), bias.data(), nullptr, r.y.data());
    kernels::convolution_backward_data(shape, {0, 0, 9}, dy.data(), weight.data(), r.dx.data());
    kernels::convolution_gradient(shape, x.data(), dy.data(), r.dweight.data(), r.dbias.data());
  }
  kernels::use_instruction_set(kernels::instruction_sets().front());
  for (const Results& r : sets) {
    expect_near(r.y, sets[0].y);
    expect_near(r.dx, sets[0].dx);
    expect_near(r.dweight, sets[0].dweight);
    expect_near(r.dbias, sets[0].dbias);
  }
}

// Threads share an image by its rows.
TEST(KernelsConvolution, BandsHaveTheBitsOfTheWhole) {
  struct Case {
    int height, width, kernel = 3, stride = 1;
    bool end = false;
  };
  for (const Case& c :
       {Case{7, 6}, Case{7, 6, 1}, Case{8, 9, 3, 2}, Case{8, 8, 3, 2, true}, Case{7, 9, 1, 2}}) {
    SCOPED_TRACE(fmt::format("{}x{}, kernel {}, stride {}", c.height, c.width, c.kernel, c.stride));
    const int before = c.end ? 0 : c.kernel / 2, padding = c.end ? 1 : c.kernel - 1;
    const ConvolutionShape s = {.channels_in = 16,
                                .channels_out = 24,
                                .height = c.height,
                                .width = c.width,
                                .out_height = (c.height + padding - c.kernel) / c.stride + 1,
                                .out_width = (c.width + padding - c.kernel) / c.stride + 1,
                                .kernel = c.kernel,
                                .stride = c.stride,
                                .before = before};
    const std::vector<float> x = gaussian({16 * c.height * c.width}, 1).values,
                             dy = gaussian({24 * s.out_height * s.out_width}, 2).values,
                             weight = gaussian({16 * 24 * 9}, 3).values;
    const auto forward = [&](int bands) {
      std::vector<float> y(dy.size());
      for (int i = 0; i < bands; ++i)
        kernels::convolution_forward(s, {0, s.out_height * i / bands, s.out_height * (i + 1) / bands},
                                     x.data(), weight.data(), nullptr, dy.data(), y.data());
      return y;
    };
    const auto backward = [&](int bands) {
      std::vector<float> dx(x.size());
      for (int i = 0; i < bands; ++i)
        kernels::convolution_backward_data(s, {0, s.height * i / bands, s.height * (i + 1) / bands},
                                           dy.data(), weight.data(), dx.data());
      return dx;
    };
    for (const int bands : {2, 3, 4}) {
      EXPECT_EQ(forward(bands), forward(1));
      EXPECT_EQ(backward(bands), backward(1));
    }
  }
}

}  // namespace
}  // namespace dagfusion::tests
