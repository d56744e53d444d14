// How changes are carried out: private to graph/compose.
#pragma once

#include "graph/compose/change.h"
#include "graph/compose/path.h"

namespace dagfusion {

// change_value.cpp: what keys name below `root`; `above` stands before them in messages ("denoise/prev").
void change_value(Tree& root, Tree& below, const std::string& above, const Path&, Change::Kind,
                  const Tree& value, const Catalog&);

// change_node.cpp: one node by another one, with the same wires. The note says what is dropped and needed.
void replace_node(const NodePlace&, const Tree& by, const Position& where, const Catalog&,
                  std::vector<std::string>& notes);

// change_wires.cpp: a node taken out, with what reads it rewired; nodes put in front of one or behind it.
void remove_node(Tree& root, const NodePlace&, const Position& where, const Catalog&,
                 std::vector<std::string>& notes);
void insert_before(const NodePlace&, const std::string& port, const Tree& nodes, const Position& where,
                   const Catalog&);
void insert_after(Tree& root, const NodePlace&, const std::string& port, const Tree& nodes,
                  const Position& where, const Catalog&);

// The port that `in: x` means; "" when the type is not known here, or takes nothing.
std::string main_input(const Tree& node, const Catalog&);

}  // namespace dagfusion
