// Writes a tree as YAML that looks like the files we write by hand: block style, lists of scalars in one
// line, and below `nodes` short maps in one line too.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "graph/document/document.h"
#include "graph/document/yaml_text.h"

namespace dagfusion {

namespace {

constexpr std::size_t longest_line = 100;

bool is_letter_or_digit(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// Null, a boolean or a number to some reader of YAML, when it stands without quotes.
bool means_something_else(const std::string& text) {
  static constexpr std::array<std::string_view, 12> words = {"",   "~",  "null", "true", "false", "yes",
                                                             "no", "on", "off",  "y",    "n",     "nan"};
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (std::find(words.begin(), words.end(), lower) != words.end()) return true;
  std::string_view number = lower;
  if (number.starts_with('+') || number.starts_with('-')) number.remove_prefix(1);
  if (number == "inf" || number == "infinity" || number == ".inf" || number == ".nan") return true;
  if (number.starts_with('.')) number.remove_prefix(1);
  return !number.empty() && std::isdigit(static_cast<unsigned char>(number[0])) &&
         number.find_first_not_of("0123456789abcdefox+-.:_") == std::string_view::npos;
}

// Reads the same with and without quotes, inside brackets too. Rather quotes too often than once too few.
bool plain_enough(const std::string& text) {
  auto at = [&](std::size_t i) { return i < text.size() ? text[i] : ' '; };
  auto in_name = [](char c) {
    return is_letter_or_digit(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  };
  bool good_start = in_name(at(0)) || at(0) == '/' ||
                    (at(0) == '.' && (in_name(at(1)) || at(1) == '/' || at(2) == '/')) ||
                    ((at(0) == '-' || at(0) == '+') && (is_letter_or_digit(at(1)) || at(1) == '.'));
  bool byte_order_mark = text.starts_with("\xEF\xBB\xBF");
  if (!good_start || byte_order_mark || text.back() == ' ') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ':' ? !(in_name(at(i + 1)) || at(i + 1) == '/')
                       : !in_name(text[i]) &&
                             std::string_view(" /.+-()=^%@;<>|*$~").find(text[i]) == std::string_view::npos)
      return false;
  }
  return true;
}

std::string in_quotes(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string text_of(const Tree& tree) {
  if (tree.is_null()) return "null";
  bool quotes =
      is_null_word(tree.text) || (tree.quoted && means_something_else(tree.text)) || !plain_enough(tree.text);
  return quotes ? in_quotes(tree.text) : tree.text;
}

std::string key_of(const std::string& key) { return text_of(scalar(key, {}, false)); }

// In one line, in brackets.
std::string flow(const Tree& tree) {
  if (!tree.is_list() && !tree.is_map()) return text_of(tree);
  std::string out;
  for (const Tree& item : tree.items) out += (out.empty() ? "" : ", ") + flow(item);
  for (const Entry& e : tree.entries) out += (out.empty() ? "" : ", ") + key_of(e.key) + ": " + flow(e.value);
  return tree.is_list() ? "[" + out + "]" : "{" + out + "}";
}

bool is_one_value(const Tree& tree) { return tree.is_scalar() || tree.is_null(); }

bool all_scalars(const Tree& list) { return std::all_of(list.items.begin(), list.items.end(), is_one_value); }

// A map of scalars, lists of scalars and such maps.
bool is_simple_map(const Tree& tree) {
  return tree.is_map() && std::all_of(tree.entries.begin(), tree.entries.end(), [](const Entry& e) {
           return is_one_value(e.value) || (e.value.is_list() && all_scalars(e.value)) ||
                  is_simple_map(e.value);
         });
}

// Whether all values of a map stand in one line of one file.
bool in_one_place(const Tree& tree, const Position& where) {
  const auto here = [&](const Tree& t) {
    return t.where.file == where.file && t.where.line == where.line && in_one_place(t, where);
  };
  return std::all_of(tree.items.begin(), tree.items.end(), here) &&
         std::all_of(tree.entries.begin(), tree.entries.end(), [&](const Entry& e) { return here(e.value); });
}

class Writer {
 public:
  explicit Writer(bool origins) : origins_(origins) {}

  std::string write(const Tree& root) && {
    if (root.is_map() && !root.entries.empty()) {
      map(root, 0, false);
    } else if (root.is_list() && !(all_scalars(root) && flow(root).size() <= longest_line)) {
      list(root, 0, false);
    } else {
      out_ += flow(root) + "\n";
    }
    return std::move(out_);
  }

 private:
  // `started`: the first line's indentation is there already, behind "- ".
  void map(const Tree& tree, std::size_t indent, bool started) {
    bool below_nodes = nodes_ > 0;
    for (const Entry& e : tree.entries) {
      if (!started) out_.append(indent, ' ');
      started = false;
      std::string key = key_of(e.key);
      out_ += key + ":";
      bool opens_nodes = e.key == "nodes";
      nodes_ += opens_nodes;
      value(e.value, indent, indent + key.size() + 2, below_nodes, e.where);
      nodes_ -= opens_nodes;
    }
  }

  void list(const Tree& tree, std::size_t indent, bool started) {
    for (const Tree& item : tree.items) {
      if (!started) out_.append(indent, ' ');
      started = false;
      out_ += "-";
      if (item.is_map() && !item.entries.empty()) {
        out_ += ' ';
        map(item, indent + 2, true);
      } else {
        value(item, indent, indent + 2, false, item.where);
      }
    }
  }

  // What follows "key:" or "-", which ends before `column`.
  void value(const Tree& tree, std::size_t indent, std::size_t column, bool maps_in_line,
             const Position& key) {
    bool empty = tree.items.empty() && tree.entries.empty();
    bool may_flow = empty || (tree.is_list() && all_scalars(tree)) || (maps_in_line && is_simple_map(tree));
    if (origins_ && !in_one_place(tree, tree.where)) may_flow = false;
    std::string line = may_flow ? flow(tree) : "";
    if (empty || (may_flow && column + line.size() <= longest_line)) {
      out_ += " " + line;
      end_line(tree.where);
      return;
    }
    end_line(key);
    if (tree.is_list()) {
      list(tree, indent + 2, false);
    } else {
      map(tree, indent + 2, false);
    }
  }

  void end_line(const Position& where) {
    constexpr std::size_t kColumn = 72;
    if (origins_) {
      const std::size_t column = out_.size() - (out_.rfind('\n') == out_.npos ? 0 : out_.rfind('\n') + 1);
      out_.append(column + 2 < kColumn ? kColumn - column : 2, ' ');
      out_ += "# " + to_string(where);
    }
    out_ += "\n";
  }

  const bool origins_;
  std::string out_;
  int nodes_ = 0;  // how many keys `nodes` we are below
};

}  // namespace

std::string write_document(const Tree& tree) { return Writer(false).write(tree); }
std::string write_with_origins(const Tree& tree) { return Writer(true).write(tree); }

}  // namespace dagfusion
