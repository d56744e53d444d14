// Trees of YAML beside each other and in one line, for messages about them.
#pragma once

#include <string>

#include "graph/document/document.h"

namespace dagfusion {

// The same values, wherever they stand; keys may stand in any order, and `doc` does not count.
bool equal(const Tree&, const Tree&);

std::string in_one_line(const Tree&);                                 // "[1, {a: b}]"
std::string without_brackets(const Tree&);                            // "1 a b", which can name a directory
std::string shortened(const std::string& text, std::size_t longest);  // "a long te..."

}  // namespace dagfusion
