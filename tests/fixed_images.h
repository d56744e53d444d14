// A data set for tests of whole graphs: tensors in memory, one output each.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "graph/catalog.h"
#include "nodes/catalog.h"
#include "tests/one_node.h"

namespace dagfusion::tests {

// The node type "fixed_images" with an output for each tensor; the first side of each counts the images.
inline NodeType fixed_images(const std::map<std::string, Plain>& tensors) {
  class FixedImages final : public DataSet {
   public:
    FixedImages(Setup& setup, const std::map<std::string, Plain>& tensors) : tensors_(tensors) {
      for (const auto& [name, tensor] : tensors_) {
        Shape shape = tensor.shape;
        shape[0] = setup.run().micro_batch;
        outputs_[name] = setup.output(name, shape);
      }
    }
    std::optional<std::int64_t> size() const override { return tensors_.begin()->second.shape[0]; }
    std::string fingerprint() const override { return "fixed"; }
    void forward(Call& call) const override {
      for (const auto& [name, output] : outputs_) {
        const std::int64_t count = count_of(output.spec.shape) / output.spec.shape[0];
        for (std::int64_t n = 0; n < output.spec.shape[0]; ++n) {
          const float* image = &tensors_.at(name).values[call.sample(static_cast<int>(n)) * count];
          std::copy_n(image, count, call.out<float>(output) + n * count);
        }
      }
    }

   private:
    std::map<std::string, Plain> tensors_;
    std::map<std::string, Output> outputs_;
  };

  NodeType type{.name = "fixed_images", .summary = "Tensors in memory.", .role = Role::data_set};
  type.parameters = {
      {.name = "shuffle", .kind = Kind::boolean, .doc = "in another order", .standard = false}};
  for (const auto& [name, tensor] : tensors) type.outputs.push_back({name, "[N,...] f32", "of the test"});
  type.create = [tensors](Setup& setup) { return std::make_unique<FixedImages>(setup, tensors); };
  return type;
}

// Every node type there is, and "fixed_images".
inline Catalog catalog_with(const std::map<std::string, Plain>& tensors) {
  Catalog all = catalog();
  all.nodes.push_back(fixed_images(tensors));
  return all;
}

}  // namespace dagfusion::tests
