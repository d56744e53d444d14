// Reads YAML into our own tree. yaml-cpp only reports what it meets (its event interface), and what we do
// not allow is refused when it is met: nothing is expanded, and nothing grows beyond the size of the file.
#include "graph/document/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <unordered_set>
#include <utility>

#include "graph/document/near_path.h"
#include "graph/document/yaml_brackets.h"
#include "graph/document/yaml_text.h"
#include "graph/values/open_file.h"

namespace dagfusion {

namespace {

constexpr std::size_t most_bytes = 1 << 20;
constexpr std::size_t longest_key = 1000;  // yaml-cpp gives up on keys of more than 1024 bytes

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
    if (at(mark) == '"' || at(mark) == '\'') {  // yaml-cpp takes the end of the file for a quote
      if (end_of_quoted(source_, mark.pos) == std::string_view::npos)
        fail(mark, "a quoted text is not closed; add the missing quote");
    }
    if (!is_utf8(text) || text.find('\0') != std::string::npos)
      fail(mark, "the escapes \\N, \\_ and \\0 are not allowed; write the character itself");
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

  char at(const YAML::Mark& mark) const {
    return static_cast<std::size_t>(mark.pos) < source_.size() ? source_[mark.pos] : '\0';
  }

  // yaml-cpp takes a line without ':' for a key without a value. Behind "? key" it is in a line of its own.
  bool has_colon(const YAML::Mark& mark, const std::string& key) const {
    std::size_t start = mark.pos;
    std::string_view before = source_.substr(0, start);
    before = before.substr(0, before.find_last_not_of(" \t") + 1);
    if (before.ends_with('?')) return true;
    bool in_quotes = at(mark) == '"' || at(mark) == '\'';
    std::size_t end = in_quotes ? end_of_quoted(source_, start) : start + key.size();
    std::size_t next = source_.find_first_not_of(" \t", end);
    return next != std::string_view::npos && source_[next] == ':';
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
    if (!has_colon(mark, key)) refuse_without_colon(mark, key);
    map.has_key = true;
    map.key = key;
    map.key_where = position(mark);
  }

  [[noreturn]] void refuse_without_colon(const YAML::Mark& mark, const std::string& key) const {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    const std::string_view before = source_.substr(0, mark.pos);
    if (digit(key[0]) && before.size() > 1 && before.ends_with(',') && digit(before[before.size() - 2]))
      fail(mark, "a comma ends a value; numbers are written with a point, like 0.5");
    if (const std::size_t colon = key.find(':'); colon != std::string::npos && colon > 0)
      fail(mark, fmt::format("no space behind the ':' of '{}'; expected '{}: {}'", key, key.substr(0, colon),
                             key.substr(colon + 1)));
    fail(mark, fmt::format("no ':' behind '{}'; expected 'key: value'", key));
  }

  // yaml-cpp marks a value that is not there at the next token: we point at its key, or at the list it is in.
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
      for (const Bracket& b : open_brackets(source_))  // yaml-cpp takes what is never closed for a key
        if (b.at == static_cast<std::size_t>(mark.pos))
          fail(mark, fmt::format("'{}' is never closed; expected '{}'", b.mark, closing(b)));
      fail(mark, kind == Tree::Kind::list ? "a list stands where a key is expected; a key is a text"
                                          : "a map stands where a key is expected; a key is a text");
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
    Position where = reader.position(e.mark);
    const std::string message =
        explain_syntax_error(e.msg, yaml, static_cast<std::size_t>(e.mark.pos), where);
    throw UserError(where, message);
  }
  Tree root = std::move(reader).result();
  if (root.where.line == 0) root.where = {file_name, 1, 1};
  return root;
}

Tree read_document(const std::filesystem::path& path) {
  std::string name = path.string();
  std::error_code unreadable;
  if (std::filesystem::is_directory(path, unreadable))
    throw UserError({name, 0, 0}, "is a directory; expected a YAML file");
  std::ifstream file = open_file(path);
  if (!file && !std::filesystem::exists(path, unreadable))
    throw UserError({name, 0, 0}, "does not exist" + path_suggestion(name));
  if (!file) throw UserError({name, 0, 0}, "cannot be read; check who may read it");
  std::string text(most_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_document(text, name);
}

}  // namespace dagfusion
