// Reads YAML into our own tree. yaml-cpp only tells us what it meets (its event interface), and what we do
// not allow is refused when it is met: nothing is expanded, and nothing grows beyond the size of the file.
#include "graph/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <unordered_set>
#include <utility>

namespace dagfusion {

namespace {

constexpr std::size_t most_bytes = 1 << 20;
constexpr std::size_t most_values = 200'000;
constexpr std::size_t most_levels = 64;
constexpr std::size_t longest_key = 1000;  // yaml-cpp gives up on keys of more than 1024 bytes

bool is_null_word(std::string_view text) {
  return text == "~" || text == "null" || text == "Null" || text == "NULL";
}

class Reader final : public YAML::EventHandler {
 public:
  Reader(std::string_view source, const std::string& file) : source_(source), file_(file) {}

  Tree result() && { return std::move(root_); }
  Position position(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ == 0) return;
    bool marked = source_.substr(std::min<std::size_t>(mark.pos, source_.size())).starts_with("---");
    fail(mark, marked ? "a second document starts here; a file holds one"
                      : "text after the end of the document; check quotes, brackets and indentation above");
  }
  void OnDocumentEnd() override {}

  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    fail(mark,
         fmt::format("anchors (&{}) are not allowed; use a variable below 'vars', or quote the text", name));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark, "aliases are not allowed; use a variable below 'vars', or quote the text");
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (expects_key())
      fail(mark, "a key is missing or null; expected a text, in quotes if it is \"null\" or \"~\"");
    put({.where = null_position(mark)});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& text) override {
    refuse_tag(mark, tag);
    bool quoted = tag == "!";
    if (expects_key()) {
      take_key(mark, text, quoted);
    } else {
      put(scalar(text, position(mark), quoted));
    }
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, Tree::Kind::list);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, Tree::Kind::map);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Tree tree;
    bool has_key = false;  // of a map: a key was read, its value is next
    std::string key;
    Position key_where;
    std::unordered_set<std::string> keys;
  };

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& message) const {
    throw UserError(position(mark), message);
  }

  bool expects_key() const { return !open_.empty() && open_.back().tree.is_map() && !open_.back().has_key; }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!")
      fail(mark, fmt::format("tags ({}) are not allowed; leave it out, or quote the text", tag));
  }

  void take_key(const YAML::Mark& mark, const std::string& key, bool quoted) {
    Open& map = open_.back();
    if (key == "<<" && !quoted) fail(mark, "merge keys (<<) are not allowed; write the keys out");
    if (key.size() > longest_key)
      fail(mark, fmt::format("a key is {} bytes long; at most {} are allowed", key.size(), longest_key));
    if (!map.keys.insert(key).second) {
      const auto& entries = map.tree.entries;
      auto first = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
      fail(mark, fmt::format("key '{}' stands here a second time, first in line {}; leave one out", key,
                             first->where.line));
    }
    map.has_key = true;
    map.key = key;
    map.key_where = position(mark);
  }

  // yaml-cpp marks a value that is not there at the next token: we point at its key, or at the list it
  // belongs to.
  Position null_position(const YAML::Mark& mark) const {
    if (open_.empty()) return position(mark);
    const Open& top = open_.back();
    Position here = position(mark);
    std::string_view word = source_.substr(std::min<std::size_t>(mark.pos, source_.size()));
    word = word.substr(0, word.find_first_of(" \t\r\n,]}#"));
    if (is_null_word(word) && (top.tree.is_list() || here.line == top.key_where.line)) return here;
    return top.tree.is_list() ? top.tree.where : top.key_where;
  }

  void put(Tree value) {
    if (++values_ > most_values)
      throw UserError(value.where, fmt::format("more than {} values in one file; split it", most_values));
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Open& top = open_.back(); top.tree.is_list()) {
      top.tree.items.push_back(std::move(value));
    } else {
      top.tree.entries.push_back({std::move(top.key), std::move(top.key_where), std::move(value)});
      top.has_key = false;
    }
  }

  void open(const YAML::Mark& mark, const std::string& tag, Tree::Kind kind) {
    refuse_tag(mark, tag);
    if (expects_key()) {
      fail(mark, fmt::format("a {} stands where a key is expected; a key is a text",
                             kind == Tree::Kind::list ? "list" : "map"));
    }
    if (open_.size() == most_levels)
      fail(mark, fmt::format("nesting is over {} levels deep; check the brackets", most_levels));
    open_.push_back({.tree = {.kind = kind, .where = position(mark)}});
  }

  void close() {
    Tree done = std::move(open_.back().tree);
    open_.pop_back();
    put(std::move(done));
  }

  std::string_view source_;
  std::string file_;
  Tree root_;
  std::vector<Open> open_;
  std::size_t values_ = 0;
  int documents_ = 0;
};

// Length of the UTF-8 character at the front of `text`; 0 when it is none.
std::size_t character_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  unsigned lead = byte(0);
  std::size_t length = lead < 0x80 ? 1 : lead >= 0xC2 && lead < 0xE0 ? 2 : (lead >> 4) == 0xE ? 3 : 4;
  if (lead > 0xF4 || (lead >= 0x80 && lead < 0xC2)) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  bool surrogate = lead == 0xED && byte(1) > 0x9F, beyond = lead == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

// yaml-cpp guesses encodings and takes some control characters for the end of the file: it gets to see text
// alone. Its scanner keeps every bracket that is open, so a file of nothing but brackets is refused here.
void check_text(std::string_view text, const std::string& file) {
  Position here{file, 1, 1};
  int brackets = 0;
  for (std::size_t i = 0; i < text.size();) {
    auto c = static_cast<unsigned char>(text[i]);
    std::size_t length = character_length(text.substr(i));
    if (length == 0)
      throw UserError(here, fmt::format("byte 0x{:02x} is not UTF-8; save the file as UTF-8 text", c));
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F)
      throw UserError(here, fmt::format("control character 0x{:02x}; expected UTF-8 text", c));
    brackets += (c == '[' || c == '{') - (c == ']' || c == '}');
    if (brackets > 1000)
      throw UserError(here, fmt::format("nesting is over {} levels deep; check the brackets", most_levels));
    i += length;
    here.column += static_cast<int>(length);
    if (c == '\n') here = {file, here.line + 1, 1};
  }
}

std::string_view line_of(std::string_view text, int line) {
  for (int i = 0; i < line && !text.empty(); ++i)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return text.substr(0, text.find('\n'));
}

// What yaml-cpp says about a syntax error, in words that say what would be right.
std::string explain(const std::string& said, const YAML::Mark& mark, std::string_view text) {
  std::string_view line = line_of(text, mark.line);
  if (line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos)
    return "a tab in the indentation; indent with spaces";
  struct Meaning {
    std::string_view said, means;
  };
  static constexpr std::array meanings = {
      Meaning{"end of map not found", "expected 'key: value' here, indented like the keys above it"},
      Meaning{"end of sequence not found", "expected '- item' here, indented like the items above it"},
      Meaning{"end of map flow not found", "a map in braces goes wrong here; expected ',' or '}'"},
      Meaning{"end of sequence flow not found", "a list in brackets goes wrong here; expected ',' or ']'"},
      Meaning{"illegal map value",
              "':' is not expected here; quote a text that contains ': ', and check the indentation"},
      Meaning{"illegal map key", "'?' is not expected here; quote a text that starts with '? '"},
      Meaning{"illegal block entry",
              "'- ' is not expected here; start a list in a line of its own, or quote the text"},
      Meaning{"illegal flow end",
              "a bracket is closed that was never opened; leave it out, or quote the text"},
      Meaning{"illegal EOF in scalar", "a quoted text is not closed; add the missing quote"},
      Meaning{"illegal document indicator in scalar", "a quoted text is not closed; add the missing quote"},
      Meaning{"unknown token", "a text cannot start with this character; quote it"},
      Meaning{"the referenced anchor is not defined",
              "aliases (*name) are not allowed; use a variable below 'vars', or quote the text"},
      Meaning{"alias not found after *", "a text cannot start with '*'; quote it"},
      Meaning{"anchor not found after &", "a text cannot start with '&'; quote it"},
  };
  for (const Meaning& m : meanings)
    if (said.starts_with(m.said)) return std::string(m.means);
  if (said.starts_with("unknown escape character"))
    return said + "; write '\\\\' for a backslash, or use single quotes";
  return fmt::format("not YAML ({}); check quotes, brackets and indentation", said);
}

}  // namespace

const Tree* Tree::find(std::string_view key) const {
  auto entry = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
  return entry == entries.end() ? nullptr : &entry->value;
}

Tree* Tree::find(std::string_view key) { return const_cast<Tree*>(std::as_const(*this).find(key)); }

std::vector<std::string> Tree::keys() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.push_back(entry.key);
  return names;
}

Tree scalar(std::string text, Position where, bool quoted) {
  return {.kind = Tree::Kind::scalar, .text = std::move(text), .quoted = quoted, .where = std::move(where)};
}

Tree parse_document(std::string_view yaml, const std::string& file_name) {
  if (yaml.size() > most_bytes)
    throw UserError({file_name, 0, 0},
                    fmt::format("more than {} bytes; a pipeline file is at most 1 MiB", most_bytes));
  if (yaml.starts_with("\xEF\xBB\xBF")) yaml.remove_prefix(3);
  check_text(yaml, file_name);
  Reader reader(yaml, file_name);
  std::istringstream stream{std::string(yaml)};
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(reader)) continue;  // the reader refuses a second one
  } catch (const YAML::Exception& e) {
    throw UserError(reader.position(e.mark), explain(e.msg, e.mark, yaml));
  }
  Tree root = std::move(reader).result();
  if (root.where.line == 0) root.where = {file_name, 1, 1};
  return root;
}

Tree read_document(const std::filesystem::path& path) {
  std::string name = path.string();
  if (std::filesystem::is_directory(path))
    throw UserError({name, 0, 0}, "is a directory; expected a YAML file");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError({name, 0, 0}, "cannot be read; check that the file exists and is readable");
  std::string text(most_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_document(text, name);
}

}  // namespace dagfusion
