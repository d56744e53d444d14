#include "nodes/dnnl/split_convolution.h"

#include <gtest/gtest.h>

#include "nodes/dnnl/engine.h"
#include "tests/one_node.h"

namespace dagfusion::tests {
namespace {

struct Result {
  std::vector<float> y, dx;
  std::size_t forward_pieces, backward_pieces;
};

Result result(const ConvolutionShape& s, int ways) {
  const SplitConvolution split(s, {.add = true, .backward_data = true}, ways);
  const auto values = [](std::size_t n, std::uint64_t seed) {
    return gaussian({static_cast<std::int64_t>(n)}, seed).values;
  };
  const std::size_t x_size = static_cast<std::size_t>(s.images) * s.channels_in * s.height * s.width;
  const std::size_t y_size = static_cast<std::size_t>(s.images) * s.channels_out * s.out_height * s.out_width;
  const auto x = values(x_size, 1), add = values(y_size, 2), bias = values(s.channels_out, 3),
             dy = values(y_size, 5);
  const auto weight =
      values(static_cast<std::size_t>(s.channels_in) * s.channels_out * s.kernel * s.kernel, 4);
  Buffer scratch(split.scratch_bytes() + 64);
  Result r{std::vector<float>(y_size), std::vector<float>(x_size), split.forward_pieces(),
           split.backward_pieces()};
  for (std::size_t p = 0; p < r.forward_pieces; ++p)
    split.forward(p, x.data(), weight.data(), bias.data(), add.data(), r.y.data(), scratch.data());
  for (std::size_t p = 0; p < r.backward_pieces; ++p)
    split.backward_data(p, dy.data(), reinterpret_cast<const std::byte*>(weight.data()), r.dx.data(),
                        scratch.data());
  return r;
}

TEST(SplitConvolution, HasTheBitsOfTheWhole) {
  const int block = channel_block();
  for (const int kernel : {1, 3})
    for (const int images : {1, 2, 5}) {
      const ConvolutionShape s = {.images = images,
                                  .channels_in = 2 * block,
                                  .channels_out = 3 * block,
                                  .height = 6,
                                  .width = 5,
                                  .out_height = 6,
                                  .out_width = 5,
                                  .kernel = kernel,
                                  .before = kernel / 2,
                                  .block = block};
      const Result whole = result(s, 1);
      EXPECT_EQ(whole.forward_pieces, 1u);
      for (const int ways : {2, 3, 4, 16}) {
        const Result pieces = result(s, ways);
        EXPECT_EQ(pieces.y, whole.y) << images << " images, " << ways << " ways";
        EXPECT_EQ(pieces.dx, whole.dx) << images << " images, " << ways << " ways";
      }
    }
}

// By images first; where there are fewer than threads, by blocks of output channels, of which there are three.
TEST(SplitConvolution, HasAPieceForEveryThreadWhereItCan) {
  const int block = channel_block();
  ConvolutionShape s = {.images = 4,
                        .channels_in = block,
                        .channels_out = 3 * block,
                        .height = 4,
                        .width = 4,
                        .out_height = 4,
                        .out_width = 4,
                        .block = block};
  EXPECT_EQ(result(s, 2).forward_pieces, 2u);
  s.images = 1;
  EXPECT_EQ(result(s, 2).forward_pieces, 2u);
  EXPECT_EQ(result(s, 2).backward_pieces, 1u);
  EXPECT_EQ(result(s, 8).forward_pieces, 3u);
  s.images = 2;
  EXPECT_EQ(result(s, 4).forward_pieces, 4u);
  EXPECT_EQ(result(s, 4).backward_pieces, 2u);
}

}  // namespace
}  // namespace dagfusion::tests
