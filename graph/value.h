// One value of a YAML file read as what its parameter declares; strict, so that a typing mistake is never a
// number.
#pragma once

#include "graph/parameter.h"

namespace dagfusion {

// Throws UserError at the value (of a list: at the item) with a message without an owner: "'steps' is 0; it
// must be …". A parameter of kind `map` has no Setting: only the shape of the tree is checked.
Setting read_value(const Tree& from, const Parameter& declared);

// The tree that reads back as `setting`; null for none.
Tree tree_of(const Setting& setting, const Position& where);

}  // namespace dagfusion
