// One value of a YAML file read as what its parameter declares;
// strict, so that a typing mistake is never a number.
#pragma once

#include "graph/types/parameter.h"

namespace dagfusion {

// Throws UserError at the value (of a list: at the item) with a message without an owner: "'steps' is 0; it
// must be …". A parameter of kind `map` has no Setting: only the shape of the tree is checked.
Setting read_value(const Tree& from, const Parameter& declared);

// A value as it stands in messages: "empty", "a list", "a map", 12, 'text'.
std::string described(const Tree& value);

// A fault for every key that is not known;
// what the misspelt ones were meant to be, which then is not missing.
std::vector<std::string> refuse_other_keys(const Tree& map, const std::vector<std::string>& known,
                                           const std::string& owner, std::vector<Fault>& faults);

// The tree that reads back as `setting`; null for none.
Tree tree_of(const Setting& setting, const Position& where);

}  // namespace dagfusion
