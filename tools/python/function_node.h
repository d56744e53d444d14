// Functions of Python as nodes of pipelines that are run from Python.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

namespace dagfusion {

struct Checked;

struct FunctionInput {
  std::string name, spec;  // "x", "[N,...] f32": as ports of nodes are declared
};

// A node type of that name, with these inputs and the output "y", float32. The function gets arrays and
// returns one of [N] and `sides` (empty: those of its first input). backward(dy, inputs...): the gradients of the inputs, as a
// tuple, None where there is none; null for none. Throws UserError for names and
// specs that are none.
void add_function_node(const std::string& name, const std::string& doc, std::vector<FunctionInput> inputs,
                       pybind11::object function, pybind11::object backward, std::vector<std::int64_t> sides);

// What a user should know of those of a run: that they are slow.
std::vector<std::string> notes_on_function_nodes(const Checked&);

}  // namespace dagfusion
