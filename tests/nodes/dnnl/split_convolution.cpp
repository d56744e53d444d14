#include "nodes/dnnl/split_convolution.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "nodes/dnnl/engine.h"
#include "nodes/kernels/bfloat16.h"
#include "tests/fixtures/convolution_shapes.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

std::vector<BFloat16> halves(std::size_t n, std::uint64_t seed) {
  const std::vector<float> wide = gaussian({static_cast<std::int64_t>(n)}, seed).values;
  std::vector<BFloat16> narrow(n);
  kernels::narrow(wide.data(), narrow.data(), n);
  return narrow;
}

struct Result {
  std::vector<BFloat16> y, dx;
  std::size_t forward_pieces, backward_pieces;
};

Result result(const ConvolutionShape& s, int ways) {
  const SplitConvolution split(s, {.add = true, .backward_data = true}, ways);
  const std::size_t x_size = static_cast<std::size_t>(s.images) * s.channels_in * s.height * s.width;
  const std::size_t y_size = static_cast<std::size_t>(s.images) * s.channels_out * s.out_height * s.out_width;
  const auto x = halves(x_size, 1), add = halves(y_size, 2), dy = halves(y_size, 5);
  const std::vector<float> bias = gaussian({s.channels_out}, 3).values;
  const auto weight =
      halves(static_cast<std::size_t>(s.channels_in) * s.channels_out * s.kernel * s.kernel, 4);
  Buffer scratch(split.scratch_bytes() + 64);
  Result r{std::vector<BFloat16>(y_size), std::vector<BFloat16>(x_size), split.forward_pieces(),
           split.backward_pieces()};
  for (std::size_t p = 0; p < r.forward_pieces; ++p)
    split.forward(p, x.data(), weight.data(), bias.data(), add.data(), r.y.data(), scratch.data());
  for (std::size_t p = 0; p < r.backward_pieces; ++p)
    split.backward_data(p, dy.data(), weight.data(), r.dx.data(), scratch.data());
  return r;
}

bool same(const std::vector<BFloat16>& a, const std::vector<BFloat16>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(BFloat16)) == 0;
}

TEST(SplitConvolution, HasTheBitsOfTheWhole) {
  if (!bfloat16_available()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  constexpr int block = 16;
  for (const int kernel : {1, 3})
    for (const int images : {1, 2, 5}) {
      const ConvolutionShape s = same_size(images, 2 * block, 3 * block, 6, 5, block, kernel);
      const Result whole = result(s, 1);
      EXPECT_EQ(whole.forward_pieces, 1u);
      for (const int ways : {2, 3, 4, 16}) {
        const Result pieces = result(s, ways);
        EXPECT_TRUE(same(pieces.y, whole.y)) << images << " images, " << ways << " ways";
        EXPECT_TRUE(same(pieces.dx, whole.dx)) << images << " images, " << ways << " ways";
      }
    }
}

// By images first; where there are fewer than threads,
// by blocks of output channels, of which there are three.
TEST(SplitConvolution, HasAPieceForEveryThreadWhereItCan) {
  if (!bfloat16_available()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  constexpr int block = 16;
  ConvolutionShape s = same_size(4, block, 3 * block, 4, 4);
  EXPECT_EQ(result(s, 2).forward_pieces, 2u);
  s.images = 1;
  EXPECT_EQ(result(s, 2).forward_pieces, 2u);
  EXPECT_EQ(result(s, 2).backward_pieces, 1u);
  EXPECT_EQ(result(s, 8).forward_pieces, 3u);
  s.images = 2;
  EXPECT_EQ(result(s, 4).forward_pieces, 4u);
  EXPECT_EQ(result(s, 4).backward_pieces, 2u);
}

// A primitive keeps sets of arguments for as many runs as there are at a time.
TEST(SplitConvolution, RunsOnManyThreadsAtOnce) {
  if (!bfloat16_available()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  const ConvolutionShape shape = same_size(1, 16, 16, 8, 8);
  const Convolution convolution(shape, {.bias = false});
  const std::vector<BFloat16> weight = halves(16 * 16 * 9, 1);
  constexpr int kThreads = 4, kRuns = 50;
  const auto result = [&](std::uint64_t seed) {
    const std::vector<BFloat16> x = halves(16 * 64, seed);
    std::vector<BFloat16> y(16 * 64);
    Buffer scratch(convolution.scratch_bytes() + 64);
    for (int i = 0; i < kRuns; ++i)
      convolution.forward(x.data(), weight.data(), nullptr, nullptr, y.data(), scratch.data());
    return y;
  };
  std::vector<std::vector<BFloat16>> at_once(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      on_thread_entry();
      at_once[t] = result(10 + t);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < kThreads; ++t) EXPECT_TRUE(same(at_once[t], result(10 + t)));
}

// oneDNN falls back to code a hundred times slower without a word when it has no fast kernel for a layout.
TEST(SplitConvolution, FallsBackToNoSlowKernel) {
  if (!bfloat16_available()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  for (const int images : {1, 4, 8}) {
    for (const auto& [in, out] : {std::pair{128, 16}, {32, 16}, {16, 16}, {32, 48}, {384, 128}}) {
      for (const auto& [kernel, stride] : {std::pair{3, 1}, {3, 2}, {1, 1}}) {
        const ConvolutionShape shape = {.images = images,
                                        .channels_in = in,
                                        .channels_out = out,
                                        .height = 16,
                                        .width = 16,
                                        .out_height = 16 / stride,
                                        .out_width = 16 / stride,
                                        .kernel = kernel,
                                        .stride = stride,
                                        .before = stride == 2 ? 0 : kernel / 2,
                                        .block = 16};
        const Convolution convolution(shape, {.add = true, .backward_data = true});
        EXPECT_EQ(convolution.forward_implementation().substr(0, 3), "jit") << in << "->" << out;
        EXPECT_EQ(convolution.backward_data_implementation().substr(0, 3), "jit") << in << "->" << out;
      }
    }
  }
}

}  // namespace
}  // namespace dagfusion::tests
