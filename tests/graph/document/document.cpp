#include "graph/document/document.h"

#include <gtest/gtest.h>

#include <fstream>

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
  EXPECT_EQ(refusal("{[a]: 1}"), "a.yaml:1:2: a list stands where a key is expected; a key is a text");
  EXPECT_EQ(refusal("? {a: 1}\n: 1\n"), "a.yaml:1:3: a map stands where a key is expected; a key is a text");
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
  EXPECT_EQ(refusal("a:\n\tb: 1\n"), "a.yaml:2:1: a tab in the indentation; indent with spaces");
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
            "a.yaml:2:2: the '[' of line 1, column 4 is still open here; expected ',' or ']'");
  EXPECT_EQ(refusal("a: {x: 1\nb: 3\n"),
            "a.yaml:2:2: the '{' of line 1, column 4 is still open here; expected ',' or '}'");
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
    EXPECT_STREQ(e.what(), "no/such.yaml: does not exist");
  }
  try {
    read_document("/tmp");
    ADD_FAILURE();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(), "/tmp: is a directory; expected a YAML file");
  }
}

}  // namespace
}  // namespace dagfusion
