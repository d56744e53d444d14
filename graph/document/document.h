// A YAML file as our own tree: every value knows its file, line and column.
// yaml-cpp is used in document.cpp alone.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "graph/document/fault.h"

namespace dagfusion {

struct Entry;

struct Tree {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string text;     // of a scalar, as written
  bool quoted = false;  // '12' is text, never a number
  std::vector<Tree> items;
  std::vector<Entry> entries;  // in the order written; keys are unique
  Position where;

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_list() const { return kind == Kind::list; }
  bool is_map() const { return kind == Kind::map; }
  const Tree* find(std::string_view key) const;  // of a map; null when absent
  Tree* find(std::string_view key);
  std::vector<std::string> keys() const;
};

struct Entry {
  std::string key;
  Position where;  // of the key
  Tree value;
};

Tree scalar(std::string text, Position where, bool quoted = false);

// Reads one document. Refuses, with a position: syntax errors, duplicate and non-scalar keys, merge keys
// (<<), aliases, tags, a second document, files over 1 MiB, nesting over 64 levels.
Tree read_document(const std::filesystem::path&);
Tree parse_document(std::string_view yaml, const std::string& file_name);

// YAML text that parses to the same tree; block style, one key per line, lists of scalars in flow style.
std::string write_document(const Tree&);
// The same with a comment behind each line: where its value came from.
std::string write_with_origins(const Tree&);

// Replaces ${name} in every scalar by vars.name (vars may use each other; cycles and unknown names are
// faults with a suggestion). A scalar that is exactly "${name}" becomes the variable's value, whatever its
// kind, at the place of use.
void substitute_variables(Tree& root);

// What the command line changes, applied in the order given (graph/compose/change.h).
struct Override {
  enum class Kind { set, add, remove };
  Kind kind = Kind::set;
  std::string text;  // "path=value" (set, add) or "path" (remove); path: keys with dots; list items by number
};

std::string typed_text(const Override&);  // "run.steps=9", "--remove nodes.ema"

}  // namespace dagfusion
