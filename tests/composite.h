// A composite in a graph of its own, as the checker expands it.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "graph/check.h"
#include "tests/fixed_images.h"

namespace dagfusion::tests {

// A pipeline of one node, `yaml` = "type: unet, channels: 8", fed with images x [1,shape…], temb or t by the
// names of `tensors`. Throws UserError like the checker.
inline Checked expanded(const std::string& yaml, const std::map<std::string, Plain>& tensors,
                        bool training = false) {
  const std::string run =
      training ? "run: {steps: 1, batch_size: 1, micro_batch: 1}\n" : "run: {images: 1, micro_batch: 1}\n";
  std::string in;
  for (const auto& [name, tensor] : tensors) in += (in.empty() ? "" : ", ") + name + ": images." + name;
  const std::string text =
      run + "nodes:\n  images: {type: fixed_images}\n  node: {" + yaml + ", in: {" + in + "}}\n";
  const Tree file = parse_document(text, "test.yaml");
  static std::deque<Catalog> kept;  // checked nodes point to their types
  return check(file, kept.emplace_back(catalog_with(tensors)), {.training = training});
}

// "norm1 group_norm [1,8,4,4]", one line for each node inside; those that change the memory layout are left
// out.
inline std::vector<std::string> nodes_of(const Checked& checked) {
  std::vector<std::string> lines;
  for (const CheckedNode& n : checked.nodes) {
    if (n.path.rfind("node/", 0) != 0 || n.type->name == "reorder") continue;
    lines.push_back(n.path.substr(5) + " " + n.type->name + " " + to_string(n.outputs[0].spec.shape));
  }
  return lines;
}

// The faults' messages, one a line.
inline std::string faults_of(const std::string& yaml, const std::map<std::string, Plain>& tensors) {
  std::string messages;
  try {
    expanded(yaml, tensors);
  } catch (const UserError& e) {
    for (const Fault& f : e.faults()) messages += (messages.empty() ? "" : "\n") + f.message;
  }
  return messages;
}

inline std::int64_t multiply_adds_of(const Checked& checked) {
  std::int64_t sum = 0;
  for (const CheckedNode& n : checked.nodes) sum += n.multiply_adds;
  return sum;
}

}  // namespace dagfusion::tests
