// A composite that a user writes in YAML: blocks/gated_block.yaml is the type gated_block.
//
//   doc: two convolutions, one of which opens and closes the other.
//   stands_for: [attention]                            # optional
//   inputs:  {x: {shape: "[N,C,H,W] act blocked", doc: feature maps}}      # or x: "[N,C,H,W] act blocked"
//   outputs: {y: sum}                                  # name of the port: node of the block, or node.port
//   parameters:
//     groups: {kind: integer, default: 8, minimum: 1, maximum: 4096, doc: groups of the norm}
//   nodes:
//     norm: {type: group_norm, in: x, groups: "${groups}"}
//     wide: {type: conv2d, in: norm, channels: "${x_channels}", kernel: 3}
//     sum:  {type: add, in: {a: x, b: wide}}
//
// ${name} is a parameter, or of an input x [N,C,H,W]: x_channels, x_height, x_width.
#pragma once

#include "graph/document/document.h"
#include "graph/types/catalog.h"

namespace dagfusion {

// Throws UserError with every fault of the definition that can be seen without its inputs.
NodeType read_block(const std::string& name, const Tree& definition, const Catalog&);

// The section `blocks` of a file, a list of paths beside it or a map of definitions, as a map of definitions.
void gather_blocks(Tree& file);

// The catalog with the file's own types behind the others: those of its plugins, then its blocks.
Catalog with_own_types(const Catalog&, const Tree& file);

}  // namespace dagfusion
