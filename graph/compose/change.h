// What a delta file or the command line changes in a pipeline: applied to its tree, in the order written.
#pragma once

#include <string>
#include <vector>

#include "graph/document/document.h"
#include "graph/types/catalog.h"

namespace dagfusion {

// A path is keys with dots between them (nodes.adam.learning_rate), or names of nodes with slashes and then
// keys with dots: denoise/prev.eta in the body of a loop, model/mid/attention.heads inside a composite.
// Names of nodes may be patterns ("*", "**"); what matches nothing is a fault with a suggestion.
struct Change {
  enum class Kind {
    set,      // a value; the path must exist, or be a parameter of a node, the run, a section or a model
    add,      // a value that must not be there yet
    replace,  // a node by one of another type, with the same wires
    remove,   // a key; a node with what reads it rewired to what it read
    insert_before,  // nodes in front of a node, or of one of its inputs (xt.x0)
    insert_after    // nodes behind a node: all that read it read them
  };
  Kind kind = Kind::set;
  std::string path;
  Position where;  // of the path
  Tree value;
};

// Faults are UserErrors; what a replacement has dropped or now needs goes to `notes`, one line each.
void apply(Tree& root, const Change&, const Catalog&, std::vector<std::string>& notes);

// From the command line; a fault when the text is no path, or its value no YAML.
Change read_override(const Override&);

// The changes below the keys set, add, replace, remove and insert of a map, in the order written.
std::vector<Change> read_changes(const Tree& map);
inline const std::vector<std::string> kChangeKeys = {"set", "add", "replace", "remove", "insert"};

// A pipeline file with everything it extends.
struct Composed {
  Tree file;   // variables are not put in yet
  Tree sweep;  // the section `sweep`; null when there is none
  std::vector<std::string> notes;
};

// Reads a file; when it says `extends: other.yaml`,
// reads that first and applies set, replace, remove and insert.
Composed compose(const std::filesystem::path&, const Catalog&);
Composed compose(Tree file, const Catalog&);

}  // namespace dagfusion
