#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

OneNode node(const std::string& parameters = "") {
  return OneNode("{type: coin" + parameters + "}", {{"like", numbered({2, 1})}},
                 {.training = true, .batch_size = 8});
}

float thrown_at(OneNode& coin, std::int64_t position) {
  coin.at(position);
  coin.forward();
  return coin.output("out").values[0];
}

// 2000 batches: 600 with a deviation of 20.5.
TEST(Coin, ShowsOneAsOftenAsAsked) {
  OneNode coin = node(", probability: 0.3");
  int ones = 0;
  for (int batch = 0; batch < 2000; ++batch) ones += thrown_at(coin, 8 * batch) == 1;
  EXPECT_NEAR(ones, 600, 100);
}

TEST(Coin, IsThrownOnceForEachBatch) {
  OneNode coin = node();
  int changes = 0;
  for (int batch = 0; batch < 20; ++batch) {
    const float first = thrown_at(coin, 8 * batch);
    for (int place = 2; place < 8; place += 2) EXPECT_EQ(thrown_at(coin, 8 * batch + place), first);
    changes += first != thrown_at(coin, 8 * batch + 8);
  }
  EXPECT_GT(changes, 3);
}

TEST(Coin, KnowsNever) {
  OneNode never = node(", probability: 0"), always = node(", probability: 1");
  for (int batch = 0; batch < 20; ++batch) {
    EXPECT_EQ(thrown_at(never, 8 * batch), 0);
    EXPECT_EQ(thrown_at(always, 8 * batch), 1);
  }
}

TEST(Coin, RefusesAProbabilityAboveOne) {
  EXPECT_EQ(refusal("{type: coin, probability: 1.5}", {{"like", numbered({1})}}),
            "test.yaml:1:27: node 'node' (coin): 'probability' is 1.5; it must be between 0 and 1");
}

}  // namespace
}  // namespace dagfusion::tests
