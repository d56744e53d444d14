// What the catalog says of a node type or a section, as text for people and as JSON for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "graph/types/catalog.h"

namespace dagfusion {

std::vector<const NodeType*> all_types(const Catalog&);  // and those that the engine itself knows

// A Markdown table of names and summaries, under the heading of each group.
std::string markdown_table(const std::vector<const NodeType*>&);

// A reference manual in Markdown: of each type its paper, formula, shapes and an example.
std::string manual_text(const std::vector<const NodeType*>&);

// Other types that can stand in for this one.
std::vector<std::string> replacements(const NodeType&, const Catalog&);

std::string role_text(const NodeType&);                      // "map: many frames at once; has a backward"
std::string parameter_text(const Parameter&);                // "real, at least 0, default 0.5"
nlohmann::ordered_json parameter_default(const Parameter&);  // null = none

std::string describe(const NodeType&, const Catalog&);
std::string describe(const SectionType&);
nlohmann::ordered_json description_json(const NodeType&);
nlohmann::ordered_json description_json(const SectionType&);

}  // namespace dagfusion
