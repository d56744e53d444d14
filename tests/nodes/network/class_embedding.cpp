#include <gtest/gtest.h>

#include "tests/fixtures/golden.h"
#include "tests/fixtures/step_node.h"

namespace dagfusion::tests {
namespace {

const OneNodeOptions kTraining{.training = true, .dtypes = {{"label", DType::i32}}};

// rows: class 0 = 1 2, class 1 = 3 4, no class = 5 6
TEST(ClassEmbedding, AddsTheRowOfTheClassAndTheLastOneForNone) {
  OneNode node("{type: class_embedding, classes: 2}",
               {{"x", {{3, 2}, {10, 20, 10, 20, 10, 20}}}, {"label", {{3}, {1, -1, 0}}}}, kTraining, 3);
  node.set_weight("weight", {1, 2, 3, 4, 5, 6});
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{13, 24, 15, 26, 11, 22}));
}

TEST(ClassEmbedding, TakesTheRowOfNoClassWhereNoLabelIsWired) {
  OneNode node("{type: class_embedding, classes: 2}", {{"x", {{1, 2}, {10, 20}}}});
  node.set_weight("weight", {1, 2, 3, 4, 5, 6});
  node.forward();
  EXPECT_EQ(node.output("y").values, (std::vector<float>{15, 26}));
}

TEST(ClassEmbedding, HasSmallNormalWeightsAtFirst) {
  OneNode node("{type: class_embedding, classes: 99, init_std: 0.5}", {{"x", gaussian({1, 100}, 1)}});
  const Plain weight = node.weight("weight");
  ASSERT_EQ(weight.shape, (Shape{100, 100}));
  double square = 0;
  for (const float w : weight.values) square += double{w} * w;
  EXPECT_NEAR(std::sqrt(square / 10000), 0.5, 0.015);
}

TEST(ClassEmbedding, GivesWhatPyTorchGives) {
  std::map<std::string, Plain> golden = read_golden("class_embedding.safetensors");
  for (float& label : golden.at("label").values)
    if (label == 4) label = -1;
  OneNode node("{type: class_embedding, classes: 4}", {{"x", golden.at("x")}, {"label", golden.at("label")}},
               kTraining, 6);
  node.set_weight("weight", golden.at("weight").values);
  node.forward();
  EXPECT_EQ(node.output("y").values, golden.at("y").values);
  node.backward({{"y", golden.at("dy")}});
  EXPECT_EQ(node.d_input("x").values, golden.at("dx").values);
  EXPECT_LT(relative_error(node.d_weight("weight").values, golden.at("dweight").values), 1e-7);
}

TEST(ClassEmbedding, GradientsMatchDifferences) {
  OneNode node("{type: class_embedding, classes: 3}",
               {{"x", gaussian({5, 4}, 1)}, {"label", {{5}, {0, 2, 0, -1, 2}}}}, kTraining, 5);
  expect_gradients_match(node, {.h = 0.25, .bound = 1e-3});
}

TEST(ClassEmbedding, AddsUpTheFramesOfAStep) {
  OneNode node("{type: class_embedding, classes: 1}", {{"x", {{2, 1}, {0, 0}}}, {"label", {{2}, {0, 0}}}},
               kTraining, 2);
  node.forward();
  node.backward({{"y", {{2, 1}, {1, 2}}}});
  node.accumulate_again();
  EXPECT_EQ(node.d_weight("weight").values, (std::vector<float>{6, 0}));
}

TEST(ClassEmbedding, RefusesALabelThatIsNoClass) {
  for (const float label : {3.0f, -2.0f}) {
    OneNode node("{type: class_embedding, classes: 3}", {{"x", {{1, 1}, {0}}}, {"label", {{1}, {label}}}},
                 kTraining);
    try {
      node.forward();
      FAIL();
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), "label is " + std::to_string(static_cast<int>(label)) +
                                  ", but the classes are 0 to 2 (-1 = none)");
    }
  }
}

TEST(ClassEmbedding, CanDoWithoutARowForNoClass) {
  OneNode node("{type: class_embedding, classes: 2, null_class: false}",
               {{"x", {{1, 1}, {0}}}, {"label", {{1}, {-1}}}}, kTraining);
  EXPECT_EQ(node.weight("weight").shape, (Shape{2, 1}));
  EXPECT_EQ(thrown([&] { node.forward(); }), "label is -1, but the classes are 0 to 1");
  EXPECT_EQ(refusal("{type: class_embedding, classes: 2, null_class: false}", {{"x", {{1, 1}, {0}}}}),
            "test.yaml:1:1: node 'node' (class_embedding): input 'label' is not wired, but the network has "
            "no row for "
            "images without a class ('null_class' is false)");
}

}  // namespace
}  // namespace dagfusion::tests
