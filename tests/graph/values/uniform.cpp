#include "graph/values/uniform.h"

#include <gtest/gtest.h>

#include <vector>

namespace dagfusion {
namespace {

TEST(DrawUniform, IsOneNumberForEachWordOfTheStream) {
  const RandomStream stream{.key = {7, 11}, .image = (std::uint64_t{3} << 32) + 5, .iteration = 2};
  for (const std::size_t count : {1u, 4u, 7u, 31u, 32u, 33u, 1000u}) {
    std::vector<float> drawn(count + 1, 9);
    draw_uniform(stream, 0.037, drawn.data(), count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t word = stream.block(static_cast<std::uint32_t>(i / 4))[i % 4];
      ASSERT_EQ(drawn[i], static_cast<float>(0.037 * (2.0 * uniform01(word) - 1))) << i << " of " << count;
    }
    EXPECT_EQ(drawn[count], 9);
  }
}

}  // namespace
}  // namespace dagfusion
