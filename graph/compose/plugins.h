// The section `plugins` of a file:
// shared libraries with node types and sections of their own (graph/plugin.h).
//
//   plugins: [libmy_nodes.so]       # beside this file, or in a directory of DAGFUSION_PLUGINS
//
// Private to graph/compose.
#pragma once

#include "graph/document/document.h"
#include "graph/types/catalog.h"

namespace dagfusion {

// Loads what the section names and writes absolute paths into it,
// so that a copy of the file elsewhere finds them.
// Throws UserError with all that is wrong.
void gather_plugins(Tree& file);

// Puts the plugins of `file` behind those of the file that it extends, each once.
void inherit_plugins(Tree& base, const Tree& file);

// The types and sections of the file's plugins, behind the others.
// A plugin that is in already stays as it is.
void add_plugins(Catalog&, const Tree& file, std::vector<Fault>& faults);

}  // namespace dagfusion
