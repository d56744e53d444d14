#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

using Values = std::vector<float>;

Values turned(const std::string& more, Shape shape, Values values) {
  OneNode node("{type: to_channels" + more + "}", {{"x", {std::move(shape), std::move(values)}}},
               {.dtypes = {{"x", DType::u8}}});
  node.forward();
  return node.output("y").values;
}

TEST(ToChannels, MakesGreyByBt601) {
  // 0.299 * 100 + 0.587 * 50 + 0.114 * 200 = 82.05
  EXPECT_EQ(turned(", channels: 1", {1, 3, 1, 1}, {100, 50, 200}), Values{82});
  EXPECT_EQ(turned(", channels: 1", {1, 1, 1, 2}, {7, 8}), (Values{7, 8}));
}

TEST(ToChannels, MakesColoursOfGrey) {
  EXPECT_EQ(turned(", channels: 3", {1, 1, 1, 2}, {7, 8}), (Values{7, 8, 7, 8, 7, 8}));
}

TEST(ToChannels, LetsTheBackgroundShowThrough) {
  // alpha 51 of 255 is a fifth: 0.2 * 200 + 0.8 * 100 = 120.
  EXPECT_EQ(turned(", background: [100, 100, 50]", {1, 4, 1, 1}, {200, 200, 200, 51}),
            (Values{120, 120, 80}));
  EXPECT_EQ(turned("", {1, 3, 1, 1}, {1, 2, 3}), (Values{1, 2, 3}));
}

TEST(ToChannels, RefusesColoursAndChannelsThatAreNone) {
  const auto said = [](const std::string& more, Shape shape, Values values) {
    const std::string message =
        refusal("{type: to_channels" + more + "}", {{"x", {shape, values}}}, {.dtypes = {{"x", DType::u8}}});
    return message.substr(message.find("node '"));
  };
  EXPECT_EQ(said(", channels: 2", {1, 1, 1, 1}, {0}),
            "node 'node' (to_channels): 'channels' is 2; it takes 1 (grey), 3 (red, green, blue) or 0 (as "
            "they are)");
  EXPECT_EQ(said("", {1, 2, 1, 1}, {0, 0}),
            "node 'node' (to_channels): input 'x' is [1,2,1,1] with 2 channels; there must be 1, 3 or 4");
  EXPECT_EQ(
      said(", background: [1]", {1, 1, 1, 1}, {0}),
      "node 'node' (to_channels): 'background' is [1]; it takes red, green and blue, each from 0 to 255");
}

}  // namespace
}  // namespace dagfusion::tests
