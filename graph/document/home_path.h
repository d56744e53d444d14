// What a shell would put in at the start of a path, where no shell has seen it: in a file,
// and behind the '=' of an override.
#pragma once

#include <string>

#include "graph/document/fault.h"

namespace dagfusion {

// "~/out" with the home directory in its place; any other text as it is.
// A UserError at `where` for "~name/out" and "$NAME/out", which would otherwise become folders of that name.
std::string with_home(const std::string& text, const Position& where);

}  // namespace dagfusion
