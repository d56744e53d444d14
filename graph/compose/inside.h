// The key `inside` of a composite or a model:
// what is different about the nodes it expands to. Private to graph/.
//
//   inside:
//     "**/attention*": {type: identity}                    another type, with the wires of the old one
//     mid/attention: {heads: 4}                            another parameter
//     down0/block0/conv1: {after: {rough: {type: dropout, rate: 0.1}}}     nodes in front of it, or behind it
//     mid/block1: null                                     taken out: what read it reads its main input
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "graph/types/catalog.h"

namespace dagfusion {

struct Request;

// Whether nodes of this type can stand inside a composite, and the names of all that can.
bool stands_inside(const NodeType&);
std::string why_not_inside(const Tree& type, const Catalog&);  // in words

class Inside {
 public:
  // `owner` opens every message: "section 'model'". Throws UserError.
  Inside(const Tree& map, std::string path, std::string owner);

  // What the entries that match the node say, in their order,
  // as one map over `given`, the composite's own settings.
  struct Node {
    bool changed = false, removed = false;
    const NodeType* type = nullptr;  // another one
    Tree settings;
    Position where;
    std::vector<const Tree*> before, after;
  };
  void apply(const std::string& path, Node& node, const NodeType& type, const Catalog&);

  // Patterns that matched nothing, each with a suggestion.
  std::vector<Fault> unmatched() const;
  // One line for each replacement.
  std::vector<std::string> notes() const;

 private:
  struct Change {
    std::string pattern;
    const Tree* what = nullptr;
    Position where;
    int matched = 0;
    std::set<std::string> from, dropped;
    std::string to;
  };
  void change(Change&, Node&, const NodeType& type, const Catalog&) const;
  void replace(Change&, Node&, const Tree& type, const NodeType& old, const Catalog&) const;

  std::string path_, owner_;
  std::vector<Change> changes_;
  std::vector<std::string> seen_;  // paths below path_
};

}  // namespace dagfusion
