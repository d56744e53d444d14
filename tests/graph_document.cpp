#include <gtest/gtest.h>

#include <ctime>
#include <fstream>
#include <random>

#include "graph/document.h"

namespace dagfusion {
namespace {

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string refusal(std::string_view yaml) {
  try {
    parse_document(yaml, "a.yaml");
  } catch (const UserError& e) {
    return e.what();
  }
  return "accepted";
}

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

TEST(Document, KnowsWhereEveryKeyAndValueStands) {
  Tree root = parse_document("run:\n  steps: 20\n  sizes: [1, 'two']\n", "a.yaml");
  ASSERT_TRUE(root.is_map());
  EXPECT_EQ(to_string(root.where), "a.yaml:1:1");
  const Tree* run = root.find("run");
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->keys(), (std::vector<std::string>{"steps", "sizes"}));
  EXPECT_EQ(to_string(run->entries[0].where), "a.yaml:2:3");
  EXPECT_EQ(to_string(run->find("steps")->where), "a.yaml:2:10");
  EXPECT_EQ(run->find("steps")->text, "20");
  EXPECT_FALSE(run->find("steps")->quoted);
  const Tree& two = run->find("sizes")->items[1];
  EXPECT_EQ(to_string(two.where), "a.yaml:3:14");
  EXPECT_EQ(two.text, "two");
  EXPECT_TRUE(two.quoted);
  EXPECT_EQ(run->find("stepz"), nullptr);
}

TEST(Document, TakesAnEmptyValueForNullAndPointsAtItsKey) {
  Tree root = parse_document("a:\nb: ~\nc:   # nothing\n\nd: null\nnulls:\n- ~\n-\n- x\ne: {f: , g: Null}\n",
                             "a.yaml");
  EXPECT_TRUE(root.find("a")->is_null());
  EXPECT_EQ(to_string(root.find("a")->where), "a.yaml:1:1");
  EXPECT_EQ(to_string(root.find("b")->where), "a.yaml:2:4");
  EXPECT_EQ(to_string(root.find("c")->where), "a.yaml:3:1");
  EXPECT_EQ(to_string(root.find("d")->where), "a.yaml:5:4");
  const std::vector<Tree>& nulls = root.find("nulls")->items;
  ASSERT_EQ(nulls.size(), 3u);
  EXPECT_EQ(to_string(nulls[0].where), "a.yaml:7:3");
  EXPECT_TRUE(nulls[1].is_null());
  EXPECT_EQ(to_string(nulls[1].where), "a.yaml:7:1");  // the list
  EXPECT_EQ(to_string(root.find("e")->find("f")->where), "a.yaml:10:5");
  EXPECT_TRUE(root.find("e")->find("g")->is_null());
}

TEST(Document, TakesQuotedWordsForText) {
  Tree root = parse_document("a: '~'\nb: \"null\"\nc: ''\nd: |\n  12\n'~': 1\n", "a.yaml");
  for (const char* key : {"a", "b", "c", "d"}) {
    EXPECT_TRUE(root.find(key)->is_scalar()) << key;
    EXPECT_TRUE(root.find(key)->quoted) << key;
  }
  EXPECT_NE(root.find("~"), nullptr);
}

TEST(Document, ReadsWindowsLinesByteOrderMarksAndExplicitKeys) {
  Tree root = parse_document(
      "\xEF\xBB\xBF"
      "a: 1\r\n? b\r\n: [x,\r\n   y]\r\n...\r\n",
      "a.yaml");
  EXPECT_EQ(to_string(root.find("a")->where), "a.yaml:1:4");
  EXPECT_EQ(root.find("b")->items[1].text, "y");
}

TEST(Document, ReadsNothingAsNull) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n", "%YAML 1.2\n---\n"}) {
    Tree root = parse_document(text, "a.yaml");
    EXPECT_TRUE(root.is_null()) << text;
    EXPECT_EQ(root.where.file, "a.yaml");
  }
}

TEST(Document, RefusesKeysThatAreWrittenTwice) {
  EXPECT_EQ(refusal("a: 1\nb: 2\n'a': 3\n"),
            "a.yaml:3:1: key 'a' stands here a second time, first in line 1; leave one out");
}

TEST(Document, RefusesMergeKeysAnchorsAliasesAndTags) {
  EXPECT_EQ(refusal("a:\n  <<: {b: 1}\n"), "a.yaml:2:3: merge keys (<<) are not allowed; write the keys out");
  EXPECT_EQ(refusal("a: &x 1\nb: *x\n"),
            "a.yaml:1:4: anchors (&x) are not allowed; use a variable below 'vars', or quote the text");
  EXPECT_EQ(refusal("path: *.png\n"),
            "a.yaml:1:7: aliases (*name) are not allowed; use a variable below 'vars', or quote the text");
  EXPECT_EQ(refusal("a: !!str 1\n"),
            "a.yaml:1:4: tags (tag:yaml.org,2002:str) are not allowed; leave it out, or quote the text");
  EXPECT_EQ(refusal("a: !map {b: 1}\n"),
            "a.yaml:1:4: tags (!map) are not allowed; leave it out, or quote the text");
}

TEST(Document, RefusesKeysThatAreNotText) {
  EXPECT_EQ(
      refusal("{[a]: 1}"),
      "a.yaml:1:2: a list stands where a key is expected; a key is a text, and every '[' needs its ']'");
  EXPECT_EQ(refusal("? {a: 1}\n: 1\n"),
            "a.yaml:1:3: a map stands where a key is expected; a key is a text, and every '{' needs its '}'");
  EXPECT_EQ(refusal("~: 1\n"),
            "a.yaml:1:1: a key is missing or null; expected a text, in quotes if it is \"null\" or \"~\"");
  EXPECT_EQ(refusal("? " + std::string(1001, 'k') + "\n: 1\n"),
            "a.yaml:1:3: a key is 1001 bytes long; at most 1000 are allowed");
}

TEST(Document, RefusesASecondDocument) {
  EXPECT_EQ(refusal("a: 1\n---\nb: 2\n"), "a.yaml:2:1: a second document starts here; a file holds one");
  EXPECT_EQ(refusal("[a] b\n"),
            "a.yaml:1:5: text after the end of the document; check quotes, brackets and indentation above");
}

TEST(Document, SaysWhatIsWrongWithTheSyntax) {
  EXPECT_EQ(refusal("a:\n\tb: 1\n"), "a.yaml:2:3: a tab in the indentation; indent with spaces");
  EXPECT_EQ(refusal("a: 1\nb\n"), "a.yaml:2:1: no ':' behind 'b'; expected 'key: value'");
  EXPECT_EQ(refusal("a: {x: 1, y}\n"), "a.yaml:1:11: no ':' behind 'y'; expected 'key: value'");
  EXPECT_EQ(refusal("a:\n    b: 1\n  c: 2\n"),
            "a.yaml:3:3: expected 'key: value' here, indented like the keys above it");
  EXPECT_EQ(refusal("- 'a'\n 'b'\n"), "a.yaml:2:2: expected '- item' here, indented like the items above it");
  EXPECT_EQ(
      refusal("a: b: c\n"),
      "a.yaml:1:5: ':' is not expected here; check the indentation and the line above, and quote a text with "
      "': ' in it");
  EXPECT_EQ(refusal("a: - 1\n"),
            "a.yaml:1:4: '- ' is not expected here; start a list in a line of its own, or quote the text");
  EXPECT_EQ(refusal("a: [1, 2\nb: 3\n"),
            "a.yaml:2:2: a list in brackets goes wrong here; expected ',' or ']'");
  EXPECT_EQ(refusal("a: {x: 1\nb: 3\n"), "a.yaml:2:2: a map in braces goes wrong here; expected ',' or '}'");
  EXPECT_EQ(refusal("a: {path: ${data}}\n"),
            "a.yaml:1:12: inside brackets a variable stands in quotes: \"${name}\"");
  EXPECT_EQ(refusal("a: 1\n]\n"),
            "a.yaml:2:1: a bracket is closed that was never opened; leave it out, or quote the text");
  EXPECT_EQ(refusal("a: \"abc\nb: 1\n"), "a.yaml:1:4: a quoted text is not closed; add the missing quote");
  EXPECT_EQ(refusal("a: 'it''s\n"), "a.yaml:1:4: a quoted text is not closed; add the missing quote");
  EXPECT_EQ(refusal("a: \"C:\\data\"\n"),
            "a.yaml:1:9: unknown escape character: d; write '\\\\' for a backslash, or use single quotes");
  EXPECT_EQ(refusal("a: \"\\xzz\"\n"),
            "a.yaml:1:9: wrong hexadecimal digits behind '\\x' or '\\u'; write '\\\\' for a backslash");
  EXPECT_EQ(refusal("a: \"\\N\"\n"),
            "a.yaml:1:4: the escapes \\N, \\_ and \\0 are not allowed; write the character itself");
  EXPECT_EQ(refusal("a: @b\n"), "a.yaml:1:4: a text cannot start with this character; quote it");
  EXPECT_EQ(refusal("a: >b\n"),
            "a.yaml:1:5: only '-', '+' or a digit can follow '|' or '>'; quote a text that starts so");
}

TEST(Document, RefusesWhatIsNotUtf8Text) {
  EXPECT_EQ(refusal(std::string_view("a: 1\nb: \0", 9)),
            "a.yaml:2:4: control character 0x00; expected UTF-8 text");
  EXPECT_EQ(refusal("a: \x04"), "a.yaml:1:4: control character 0x04; expected UTF-8 text");
  EXPECT_EQ(refusal(std::string_view("\xFF\xFE"
                                     "a\0",
                                     4)),
            "a.yaml:1:1: byte 0xff is not UTF-8; save the file as UTF-8 text");
  for (const char* bad :
       {"\x80", "\xC1\x81", "\xE2\x82", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5"})
    EXPECT_TRUE(refusal(bad).find("is not UTF-8") != std::string::npos) << refusal(bad);
  EXPECT_EQ(refusal("a: \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x99\x82\n"), "accepted");
}

TEST(Document, RefusesDeepNestingWithoutWalkingIntoIt) {
  std::string deep = "nesting is over 64 levels deep; check the brackets";
  std::string flow = repeated("[", 64) + repeated("]", 64);
  EXPECT_EQ(refusal(flow), "accepted");
  EXPECT_EQ(refusal("[" + flow + "]"), "a.yaml:1:65: " + deep);
  std::string block;
  for (int level = 0; level < 5000; ++level) block += std::string(std::min(level, 200), ' ') + "a:\n";
  EXPECT_EQ(refusal(block), "a.yaml:65:65: " + deep);
  EXPECT_EQ(refusal(repeated("- ", 100'000)), "a.yaml:1:129: " + deep);
  for (const char* open : {"[", "{", "[a,", "{a: ", "a: [{"})
    EXPECT_TRUE(refusal(repeated(open, 100'000)).find(deep) != std::string::npos) << open;
  for (const char* open : {"? ", "[? ", "[: ", "{? ", "!", "&a ", "*a ", "a: ", "| ", "\"", "[]", "{}"})
    EXPECT_NE(refusal(repeated(open, 100'000)), "accepted") << open;
}

TEST(Document, RefusesWhatIsTooLarge) {
  EXPECT_EQ(refusal(std::string((1 << 20) + 1, '#')),
            "a.yaml: more than 1048576 bytes; a pipeline file is at most 1 MiB");
  EXPECT_EQ(refusal(std::string(1 << 20, '#')), "accepted");
  EXPECT_EQ(refusal("[" + repeated("1,", 200'000) + "1]"),
            "a.yaml:1:400002: more than 200000 values in one file; split it");
}

TEST(Document, IsReadFromAFile) {
  std::string path = testing::TempDir() + "graph_document.yaml";
  std::ofstream(path) << "a: [1]\n";
  EXPECT_EQ(to_string(read_document(path).find("a")->where), path + ":1:4");
  std::ofstream(path) << std::string((1 << 20) + 1, '\n');
  EXPECT_THROW(read_document(path), UserError);
  std::filesystem::remove(path);
  try {
    read_document("no/such.yaml");
    ADD_FAILURE();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(), "no/such.yaml: cannot be read; check that the file exists and is readable");
  }
  try {
    read_document("/tmp");
    ADD_FAILURE();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(), "/tmp: is a directory; expected a YAML file");
  }
}

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
