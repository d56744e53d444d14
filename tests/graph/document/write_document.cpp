#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "graph/document/document.h"

namespace dagfusion {
namespace {

// Where it was written does not count, and quotes only where they change the meaning.
void expect_same(const Tree& a, const Tree& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.keys(), b.keys());
  ASSERT_EQ(a.items.size(), b.items.size());
  for (std::size_t i = 0; i < a.items.size(); ++i) expect_same(a.items[i], b.items[i]);
  ASSERT_EQ(a.entries.size(), b.entries.size());
  for (std::size_t i = 0; i < a.entries.size(); ++i) expect_same(a.entries[i].value, b.entries[i].value);
}

constexpr std::string_view pipeline = R"(# trains a small network
vars: {data: data/emoji32.h5}
run:
  seed: 1
  batch_size: 128           # images per step
  doc: |
    first line
      second line
model: {type: unet, channels: 64, multipliers: [1, 2, 2], attention_at: [16]}
nodes:
  images:  {type: hdf5_images, path: "${data}", shuffle: true}
  xt:      {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  adam:    {type: adam, minimize: loss, learning_rate: 2.0e-4, weights: 'model/**'}
  denoise:
    loop:
      each:  {type: ddim_timesteps, steps: 50}
      carry: {x: xT, x0: ~}
      list:
      - a: 1
        b: "tab\there"
      - - c
)";

TEST(WrittenDocument, LooksLikeAFileWrittenByHand) {
  EXPECT_EQ(write_document(parse_document(pipeline, "a.yaml")), R"(vars:
  data: data/emoji32.h5
run:
  seed: 1
  batch_size: 128
  doc: "first line\n  second line\n"
model:
  type: unet
  channels: 64
  multipliers: [1, 2, 2]
  attention_at: [16]
nodes:
  images: {type: hdf5_images, path: "${data}", shuffle: true}
  xt: {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  adam: {type: adam, minimize: loss, learning_rate: 2.0e-4, weights: model/**}
  denoise:
    loop:
      each: {type: ddim_timesteps, steps: 50}
      carry: {x: xT, x0: null}
      list:
        - a: 1
          b: "tab\there"
        - [c]
)");
}

TEST(WrittenDocument, BreaksWhatIsLongerThanALine) {
  std::string name(60, 'n');
  Tree root =
      parse_document("nodes: {a: {x: " + name + ", y: " + name + "}}\nb: [" + name + ", " + name + "]", "");
  EXPECT_EQ(write_document(root), "nodes:\n  a:\n    x: " + name + "\n    y: " + name + "\nb:\n  - " + name +
                                      "\n  - " + name + "\n");
}

TEST(WrittenDocument, QuotesOnlyWhatWouldMeanSomethingElse) {
  auto written = [](const std::string& text, bool quoted) {
    return write_document(scalar(text, {}, quoted));
  };
  for (const char* text : {"12", "-1.5e3", "true", "No", ".inf", "nan", "0x1F", "12:30", "2024-01-01"}) {
    EXPECT_EQ(written(text, false), std::string(text) + "\n");
    EXPECT_EQ(written(text, true), "\"" + std::string(text) + "\"\n");
  }
  for (const char* text :
       {"null", "~",   "",  " a",  "a ", "a: b", "a #b", "[a]", "*a", "&a", "!a", "%a", "@a",
        "-",    "- a", "?", "a,b", "\"", "'",    "---",  "...", "<<", "a:", ":a", "|",  ">"})
    EXPECT_EQ(written(text, false).front(), '"') << text;
  for (const char* text : {"relu", "data/a.h5", "../a b", "./x", ".hidden", "model/**", "a:b",
                           "http://x:80/y", "1st", "-x", "größe"})
    EXPECT_EQ(written(text, true), std::string(text) + "\n");
}

TEST(WrittenDocument, ReadsBackAsTheSameTree) {
  const std::vector<std::string> nasty = {"",
                                          " ",
                                          "  two",
                                          "two  ",
                                          "\n",
                                          "a\nb\n",
                                          "\ta",
                                          "a\tb",
                                          "\r\n",
                                          "~",
                                          "null",
                                          "NULL",
                                          "true",
                                          "yes",
                                          "12",
                                          "1e3",
                                          "0x10",
                                          ".5",
                                          "-",
                                          "--",
                                          "---",
                                          "--- a",
                                          "...",
                                          "- a",
                                          "? a",
                                          ": a",
                                          "a:",
                                          "a: b",
                                          "a:b",
                                          "a :b",
                                          "#",
                                          "a#b",
                                          "a #b",
                                          "'",
                                          "''",
                                          "\"",
                                          "\\",
                                          "\\n",
                                          "it's",
                                          "\"q\"",
                                          "[",
                                          "]",
                                          "{",
                                          "}",
                                          "[]",
                                          "{}",
                                          ",",
                                          "a,b",
                                          "&a",
                                          "*a",
                                          "!a",
                                          "!!str a",
                                          "|",
                                          ">",
                                          "%a",
                                          "@a",
                                          "`a",
                                          "<<",
                                          "${a}",
                                          "$${a}",
                                          "a ${b} c",
                                          "=",
                                          "\x01",
                                          "\x1B[0m",
                                          "\x7F",
                                          "ä",
                                          "\xC2\x85",
                                          "\xC2\xA0",
                                          "\xE2\x80\xA8",
                                          "\xEF\xBB\xBF",
                                          "\xF0\x9F\x99\x82",
                                          "http://a:1/b?c=d&e#f",
                                          "C:\\data",
                                          std::string(3000, 'x'),
                                          "a\n\n b"};
  Tree list{.kind = Tree::Kind::list}, map{.kind = Tree::Kind::map}, nodes = map, root = map;
  for (const std::string& text : nasty) {
    list.items.push_back(scalar(text, {}, true));
    if (text.size() <= 1000) map.entries.push_back({text, {}, scalar(text, {}, true)});
    nodes.entries.push_back({"n" + std::to_string(nodes.entries.size()), {}, {.kind = Tree::Kind::map}});
    nodes.entries.back().value.entries.push_back({"k", {}, scalar(text, {}, true)});
    nodes.entries.back().value.entries.push_back(
        {"l", {}, {.kind = Tree::Kind::list, .items = {scalar(text, {}, true)}}});
    expect_same(parse_document(write_document(scalar(text, {}, true)), ""), scalar(text, {}, true));
  }
  Tree nested{.kind = Tree::Kind::list,
              .items = {list, map, {}, {.kind = Tree::Kind::list}, {.kind = Tree::Kind::map}}};
  nested.items.push_back({.kind = Tree::Kind::list, .items = {nested, map}});
  root.entries = {{"list", {}, list}, {"map", {}, map}, {"nodes", {}, nodes}, {"nested", {}, nested}};
  for (const Tree& tree : {root, list, nested, Tree{}, parse_document(pipeline, "")}) {
    std::string text = write_document(tree);
    Tree back = parse_document(text, "");
    expect_same(back, tree);
    EXPECT_EQ(write_document(back), text);
  }
}

TEST(WrittenDocument, KeepsNumbersAndTextsApart) {
  Tree root = parse_document("a: 12\nb: '12'\nc: true\nd: 'true'\n", "");
  Tree back = parse_document(write_document(root), "");
  for (std::size_t i = 0; i < root.entries.size(); ++i)
    EXPECT_EQ(back.entries[i].value.quoted, root.entries[i].value.quoted) << root.entries[i].key;
}

// 3000 damaged copies of a pipeline: each is read, and written and read again, or refused in an orderly way.
TEST(Document, SurvivesDamagedFiles) {
  std::mt19937 random(20240607);
  auto below = [&](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
  constexpr std::string_view marks = "[]{}:,-?&*!|>'\"%@`#\n\t ~\\<=\r";
  std::clock_t start = std::clock();
  int accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text(pipeline);
    for (std::size_t change = 1 + below(6); change > 0 && !text.empty(); --change) {
      std::size_t at = below(text.size());
      switch (below(5)) {
        case 0:
          text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
          break;
        case 1:
          text.erase(at, below(40));
          break;
        case 2:
          text.insert(below(text.size()), text.substr(at, below(80)));
          break;
        case 3:
          text.insert(at, 1, marks[below(marks.size())]);
          break;
        default:
          if (below(8) == 0) text.resize(at);
      }
    }
    try {
      Tree tree = parse_document(text, "a.yaml");
      ++accepted;
      expect_same(parse_document(write_document(tree), "a.yaml"), tree);
    } catch (const UserError& e) {
      EXPECT_EQ(e.faults().size(), 1u);
      EXPECT_EQ(e.faults()[0].where.file, "a.yaml");
      EXPECT_GT(e.faults()[0].where.line, 0) << e.what();
    }
    ASSERT_FALSE(HasFailure()) << text;
  }
  EXPECT_GT(accepted, 100);  // the damage is not so great that nothing is left to test
  EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace dagfusion
