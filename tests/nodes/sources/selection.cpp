// What every data set that lies in files can be asked to read of itself.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/fixtures/one_node.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

constexpr int kCats = 12, kDogs = 4;

// cat/00.png … and dog/00.png …
void put_pictures(const ScratchFolder& folder) {
  for (const auto& [name, count] : std::map<std::string, int>{{"cat", kCats}, {"dog", kDogs}}) {
    std::filesystem::create_directory(folder.path() / name);
    for (int i = 0; i < count; ++i)
      save(folder / fmt::format("{}/{:02}.png", name, i), encoded(".png", gradient(2, 2)));
  }
}

std::vector<std::string> names(const ScratchFolder& folder, const std::string& more) {
  OneNode node("{type: image_folder, path: '" + folder.path().string() + "'" + more + "}", {}, {}, 1);
  const auto& data = dynamic_cast<const DataSet&>(node.node());
  std::vector<std::string> all;
  for (std::int64_t i = 0; i < *data.size(); ++i) all.push_back(data.sample_name(i));
  return all;
}

int dogs_among(const std::vector<std::string>& names) {
  return static_cast<int>(
      std::count_if(names.begin(), names.end(), [](const auto& n) { return n.starts_with("dog"); }));
}

TEST(Selection, SplitsByTheNamesWhateverElseIsThere) {
  ScratchFolder folder;
  put_pictures(folder);
  const std::vector<std::string> all = names(folder, ""),
                                 train = names(folder, ", split: train, validation: 0.3"),
                                 held = names(folder, ", split: validation, validation: 0.3");
  EXPECT_EQ(train.size() + held.size(), all.size());
  EXPECT_FALSE(held.empty());
  std::set<std::string> together(train.begin(), train.end());
  together.insert(held.begin(), held.end());
  EXPECT_EQ(together, std::set<std::string>(all.begin(), all.end()));
  std::filesystem::remove(folder.path() / train[0]);
  EXPECT_EQ(names(folder, ", split: validation, validation: 0.3"), held);
}

TEST(Selection, TakesSomeClassesAndKeepsTheirNumbers) {
  ScratchFolder folder;
  put_pictures(folder);
  EXPECT_EQ(names(folder, ", only: [dog]"),
            (std::vector<std::string>{"dog/00.png", "dog/01.png", "dog/02.png", "dog/03.png"}));
  OneNode node("{type: image_folder, path: '" + folder.path().string() + "', only: [dog]}", {}, {}, 1);
  node.forward();
  EXPECT_EQ(node.output("label").values, std::vector<float>{1});
}

TEST(Selection, EvensOutClasses) {
  ScratchFolder folder;
  put_pictures(folder);
  const std::vector<std::string> cut = names(folder, ", balance: cut"),
                                 repeated = names(folder, ", balance: repeat");
  EXPECT_EQ(cut.size(), 2u * kDogs);
  EXPECT_EQ(dogs_among(cut), kDogs);
  EXPECT_EQ(repeated.size(), 2u * kCats);
  EXPECT_EQ(dogs_among(repeated), kCats);
}

TEST(Selection, TakesSoManyFromAllOverTheDataSet) {
  ScratchFolder folder;
  put_pictures(folder);
  EXPECT_EQ(names(folder, ", most: 4"),
            (std::vector<std::string>{"cat/00.png", "cat/04.png", "cat/08.png", "dog/00.png"}));
  EXPECT_EQ(names(folder, ", most: 400").size(), 16u);
}

TEST(Selection, IsPartOfTheFingerprint) {
  ScratchFolder folder;
  put_pictures(folder);
  const auto fingerprint = [&](const std::string& more) {
    OneNode node("{type: image_folder, path: '" + folder.path().string() + "'" + more + "}", {}, {}, 1);
    return dynamic_cast<const DataSet&>(node.node()).fingerprint();
  };
  EXPECT_NE(fingerprint(""), fingerprint(", most: 4"));
  EXPECT_EQ(fingerprint(""), fingerprint(", most: 40"));
}

TEST(Selection, RefusesWhatLeavesNothing) {
  ScratchFolder folder;
  put_pictures(folder);
  const auto said = [&](const std::string& more) {
    const std::string message =
        refusal("{type: image_folder, path: '" + folder.path().string() + "'" + more + "}", {});
    return message.substr(message.find("node '"));
  };
  EXPECT_EQ(
      said(", only: [dog, bird]"),
      "node 'node' (image_folder): 'only' has the class 'bird', which the data set has not; it has cat, dog");
  EXPECT_EQ(said(", labels: none, balance: cut"),
            "node 'node' (image_folder): 'balance' needs classes, and this data set has none");
  EXPECT_EQ(
      said(", split: validation, validation: 0"),
      "node 'node' (image_folder): of 16 images, none is left of what 'split', 'only', 'balance' and 'most' "
      "choose");
}

// None of the names falls below so small a share, or above so large a one: the nearest does.
TEST(Selection, LeavesNoPartEmptyWhereThereAreTwoImages) {
  const ScratchFolder folder;
  put_pictures(folder);
  for (const char* share : {"1.0e-9", "0.999999999"}) {
    const std::size_t held_out =
                          names(folder, fmt::format(", split: validation, validation: {}", share)).size(),
                      trained = names(folder, fmt::format(", split: train, validation: {}", share)).size();
    EXPECT_EQ(held_out + trained, 16u) << share;
    EXPECT_EQ(std::min(held_out, trained), 1u) << share;
  }
}

}  // namespace
}  // namespace dagfusion::tests
