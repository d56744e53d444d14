// Where the entries of a file name other nodes. Private to graph/.
#pragma once

#include <string>
#include <vector>

#include "graph/document/document.h"

namespace dagfusion {

// Every text of a node's entry that may name a node outside of it: `in`, `after`, `minimize`, `when`,
// `otherwise`, what a loop carries and what its body takes from around it.
std::vector<Tree*> references_of(Tree& node);
std::vector<const Tree*> references_of(const Tree& node);

// The name at the head of a reference: "xt" of "xt.t", and what follows its dot.
std::string name_in(const Tree& reference);
std::string port_in(const Tree& reference);

}  // namespace dagfusion
