// Files that say what differs from another one.
#include <gtest/gtest.h>

#include <fstream>

#include "graph/compose/change.h"
#include "nodes/catalog.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

class Extends : public ::testing::Test {
 protected:
  void SetUp() override {
    write("base.yaml",
          "run: {seed: 1}\n"
          "nodes:\n"
          "  number: {type: image_numbers, count: 4}\n"
          "  noise: {type: gaussian_noise, in: number, shape: [3, 8, 8]}\n"
          "  bytes: {type: to_bytes, in: noise}\n");
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path() / name) << text;
  }
  Composed composed(const std::string& text) {
    write("delta.yaml", text);
    return compose(folder_.path() / "delta.yaml", catalog());
  }
  std::string refusal(const std::string& text) {
    try {
      composed(text);
    } catch (const UserError& e) {
      std::string what = e.what();
      for (std::size_t at; (at = what.find(folder_.path().string() + "/")) != std::string::npos;)
        what.erase(at, folder_.path().string().size() + 1);
      return what;
    }
    return "accepted";
  }
  ScratchFolder folder_;
};

TEST_F(Extends, AddsNodesAndWiresThatAreNew) {
  const Composed c = composed(
      "extends: base.yaml\n"
      "add: {nodes.other: {type: identity, in: noise}, nodes.bytes.every: 2}\n");
  EXPECT_EQ(c.file.find("nodes")->find("other")->find("type")->text, "identity");
  EXPECT_EQ(c.file.find("nodes")->find("bytes")->find("every")->text, "2");
  EXPECT_NE(refusal("extends: base.yaml\nadd: {nodes.noise: {type: identity}}\n").find("'nodes.noise'"),
            std::string::npos);
}

TEST_F(Extends, AppliesWhatIsWrittenInItsOrder) {
  const Composed c = composed(
      "extends: base.yaml\n"
      "doc: a test\n"
      "set: {run.seed: 2, nodes.number.count: 9}\n"
      "insert: {after: {noise: {same: {type: identity}}}}\n"
      "replace: {same: {type: silu}}\n"
      "remove: [same]\n"
      "sweep: {seeds: [1]}\n");
  EXPECT_EQ(write_document(c.file),
            "run:\n  seed: 2\nnodes:\n  number: {type: image_numbers, count: 9}\n"
            "  noise: {type: gaussian_noise, in: number, shape: [3, 8, 8]}\n  bytes: {type: to_bytes, in: "
            "noise}\n");
  EXPECT_EQ(c.notes, (std::vector<std::string>{"same: silu instead of identity",
                                               "same: removed; 'noise' stands in for it in bytes"}));
  EXPECT_TRUE(c.sweep.is_map());
}

TEST_F(Extends, FollowsFilesThatExtendOthers) {
  write("middle.yaml", "extends: base.yaml\nset: {run.seed: 2, nodes.number.count: 5}\n");
  const Composed c = composed("extends: middle.yaml\nset: {run.seed: 3}\n");
  EXPECT_EQ(c.file.find("run")->find("seed")->text, "3");
  EXPECT_EQ(c.file.find("nodes")->find("number")->find("count")->text, "5");
  EXPECT_EQ(to_string(c.file.find("run")->find("seed")->where),
            (folder_.path() / "delta.yaml").string() + ":2:17");
}

TEST_F(Extends, TellsAllFaultsOfItsChanges) {
  EXPECT_EQ(refusal("extends: base.yaml\nset: {run.sed: 2, node.x: 1}\nremove: [nois]\n"),
            "delta.yaml:2:19: no 'node' in base.yaml; did you mean 'nodes'?\n"
            "delta.yaml:3:10: no node 'nois' in base.yaml; did you mean 'noise'?");
}

TEST_F(Extends, RefusesWhatIsNoDifference) {
  EXPECT_EQ(refusal("extends: base.yaml\nrun: {seed: 2}\n"),
            "delta.yaml:2:1: 'run' in a file that extends another; what differs stands below 'set', like "
            "set: {run.NAME: "
            "VALUE}");
  EXPECT_EQ(refusal("extends: base.yaml\nsett: {run.seed: 2}\n"),
            "delta.yaml:2:1: unknown key 'sett' in a file that extends another; did you mean 'set'?");
  EXPECT_EQ(refusal("set: {run.seed: 2}\n"),
            "delta.yaml:1:6: 'set' says what differs from another file; 'extends' must name it");
  EXPECT_EQ(refusal("extends: base.yaml\nremove: noise\n"),
            "delta.yaml:2:9: 'remove' must be a list, like remove: [flipped]");
  EXPECT_EQ(refusal("extends: base.yaml\nset: [1]\n"),
            "delta.yaml:2:6: 'set' must be a map, like set: {run.steps: 100}");
  EXPECT_EQ(refusal("extends: base.yaml\ninsert: {behind: {}}\n"),
            "delta.yaml:2:10: unknown key 'behind' below 'insert'; known are before, after");
}

TEST_F(Extends, RefusesFilesThatAreNotThereOrExtendEachOther) {
  EXPECT_EQ(refusal("extends: bas.yaml\n"),
            "delta.yaml:1:10: 'extends' is bas.yaml, which does not exist; did you mean 'base.yaml'?");
  EXPECT_EQ(refusal("extends: [base.yaml]\n"),
            "delta.yaml:1:10: 'extends' must be the path of a pipeline file");
  EXPECT_EQ(refusal("extends: delta.yaml\n"),
            "delta.yaml:1:10: 'extends' is delta.yaml, which extends this file in turn");
  write("middle.yaml", "extends: delta.yaml\n");
  EXPECT_EQ(refusal("extends: middle.yaml\n"),
            "middle.yaml:1:10: 'extends' is delta.yaml, which extends this file in turn");
}

TEST_F(Extends, FollowsALongChainAndNamesItsEnd) {
  write("c64.yaml", "extends: base.yaml\n");
  for (int i = 1; i < 64; ++i)
    write("c" + std::to_string(i) + ".yaml", "extends: c" + std::to_string(i + 1) + ".yaml\n");
  EXPECT_TRUE(composed("extends: c3.yaml\n").file.find("nodes"));
  EXPECT_EQ(refusal("extends: c2.yaml\n"),
            "c64.yaml:1:10: 'extends' is base.yaml, file 65 of a chain; at most 64 can extend one another");
}

TEST_F(Extends, KnowsTheHomeDirectory) {
  EXPECT_EQ(refusal("extends: ~nobody/base.yaml\n"),
            "delta.yaml:1:10: '~nobody/base.yaml' is in the home directory of another user, which only a "
            "shell knows; write the whole path");
  const std::string before = std::getenv("HOME") ? std::getenv("HOME") : "";
  setenv("HOME", folder_.path().c_str(), 1);
  EXPECT_TRUE(composed("extends: ~/base.yaml\n").file.find("nodes"));
  setenv("HOME", before.c_str(), 1);
}

}  // namespace
}  // namespace dagfusion::tests
