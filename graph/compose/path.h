// Paths of changes: which values, nodes and insides of composites they name. Private to graph/compose.
#pragma once

#include <string>
#include <vector>

#include "graph/document/document.h"
#include "graph/types/catalog.h"

namespace dagfusion {

// "model/mid/attention.heads" -> nodes "model/mid/attention", keys {"heads"}; "nodes.adam.beta1" -> nodes "",
// keys {"nodes", "adam", "beta1"}.
struct Path {
  std::string text, nodes;
  std::vector<std::string> keys;
  Position where;
};

Path read_path(const std::string& text, const Position& where);

// A node with an entry of its own in the file.
struct NodePlace {
  std::string path;               // "denoise/prev"
  std::vector<std::string> keys;  // "nodes", "denoise", "loop", "nodes", "prev"
  Tree* siblings = nullptr;       // the map it stands in; null for `each` of a loop
  std::string name;
  Tree* node = nullptr;
};

// A pattern for nodes that only a composite knows.
struct InsidePlace {
  Tree* composite = nullptr;  // the model's section, or the entry of a composite
  std::string pattern;
};

struct Places {
  std::vector<NodePlace> nodes;
  std::vector<InsidePlace> insides;
};

std::vector<NodePlace> all_nodes(Tree& root);

// All that "model/**/norm1", "denoise/prev" or "loss" names; a fault with a suggestion when that is nothing.
Places find_places(Tree& root, const std::string& pattern, const Position& where, const Catalog&);

// The node that keys name: "nodes", "loss" or "loss" alone; null when they name none.
const NodePlace* node_at(const std::vector<NodePlace>&, const std::vector<std::string>& keys);

// The settings of `inside` for a pattern; made when they are not there. Null when it says "taken out" and may
// not be made.
Tree& inside_settings(const InsidePlace&, const Position& where);

std::string joined(const std::vector<std::string>& keys, std::size_t count);

}  // namespace dagfusion
