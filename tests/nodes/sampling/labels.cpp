#include <gtest/gtest.h>

#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

const OneNodeOptions kPets{.dtypes = {{"number", DType::i32}}, .classes = {"cat", "dog", "0"}};

std::string yaml(const std::string& list) { return "{type: labels, list: " + list + "}"; }

// Of six images.
std::vector<float> labels_of(const std::string& list) {
  OneNode node(yaml(list), {{"number", numbered({6})}}, kPets, 6);
  node.forward();
  return node.output("label").values;
}

TEST(Labels, TakesEveryClassInTurn) { EXPECT_EQ(labels_of("[all]"), (std::vector<float>{0, 1, 2, 0, 1, 2})); }

TEST(Labels, TakesClassesByNameAndByNumber) {
  EXPECT_EQ(labels_of("[dog, 2]"), (std::vector<float>{1, 2, 1, 2, 1, 2}));
  EXPECT_EQ(labels_of("[none, all]"), (std::vector<float>{-1, 0, 1, 2, -1, 0}));
}

TEST(Labels, MeansTheNameWhereItIsTheNumberOfAnotherClass) {
  EXPECT_EQ(labels_of("[0]"), std::vector<float>(6, 2));
}

TEST(Labels, RefusesWhatIsNoClass) {
  const std::map<std::string, Plain> number = {{"number", numbered({6})}};
  EXPECT_EQ(refusal(yaml("[cat, dgo]"), number, kPets, 6),
            "test.yaml:1:28: node 'node' (labels): 'list' holds dgo, which is no class of the model; did you "
            "mean 'dog'?");
  EXPECT_EQ(refusal(yaml("[7]"), number, kPets, 6),
            "test.yaml:1:23: node 'node' (labels): 'list' holds 7, which is no class of the model; known are "
            "cat, dog, 0");
  EXPECT_EQ(refusal(yaml("[]"), number, kPets, 6),
            "test.yaml:1:22: node 'node' (labels): 'list' is empty; [all] takes every class in turn");
}

TEST(Labels, RefusesAModelWithoutClasses) {
  EXPECT_EQ(refusal("{type: labels}", {{"number", numbered({2})}}, {.dtypes = {{"number", DType::i32}}}, 2),
            "test.yaml:1:1: node 'node' (labels): asks for the classes of the model, which has none");
}

}  // namespace
}  // namespace dagfusion::tests
