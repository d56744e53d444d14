// What a node's constructor says, written down into a CheckedNode. Private to graph/check.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "graph/check/checking.h"

namespace dagfusion {

DType dtype_of(const std::string& name);  // of a port: "f32"

class NodeSetup final : public Setup {
 public:
  NodeSetup(Checking& checking, const Request& request, CheckedNode& node)
      : checking_(checking), request_(request), node_(node), type_(*request.type) {
    sides_.set("N", run().micro_batch, "run.micro_batch");
  }

  const Parameters& parameters() const override { return request_.parameters; }
  const RunSettings& run() const override { return checking_.checked.run; }

  // Fits every wired input to its port. False: a fault, or an input of a node that had one.
  bool bind_inputs();

  Input input(std::string_view port) override;
  std::vector<std::pair<std::string, Input>> any_inputs() override;
  const DataSet* data_set_behind(const Input& input) const override;
  Output output(std::string_view port) override;
  Output output(std::string_view port, Shape shape) override;
  Output output(std::string_view port, Shape shape, DType dtype) override;
  Output output_as(std::string_view port, TensorSpec form) override;
  Saved saved(std::string_view name, TensorSpec spec, Span span) override {
    node_.saved.push_back({std::string(name), std::move(spec), span});
    return {static_cast<int>(node_.saved.size()) - 1};
  }
  void backward_reads(const Input& i) override {
    if (i.connected()) node_.inputs[i.index].backward_reads = true;
  }
  void backward_reads(const Output& o) override { node_.outputs[o.index].backward_reads = true; }
  void accumulate_reads(const Input& i) override {
    if (i.connected()) node_.inputs[i.index].accumulate_reads = true;
  }
  void passes_gradient(const Output& from, const Input& to) override {
    if (to.connected()) node_.passes.emplace_back(from.index, to.index);
  }

  Weight weight(std::string_view name, Shape shape, Init init, StoredLayout layout) override;
  Packed packed(const Weight& weight, std::string key, std::size_t bytes,
                std::function<void(const float*, std::byte*)> pack) override;

  void multiply_adds(std::int64_t count) override { node_.multiply_adds = count; }

  Shape model_input() override;
  std::vector<std::string> classes() override;
  std::vector<int> trained_weights(const std::string& pattern) override;
  const WeightTable& weight_table() const override { return *checking_.checked.weights; }

  std::filesystem::path readable(std::string_view parameter) override;

  void note_at(std::string_view parameter, const std::string& message) override;
  void fail_at_input(std::string_view port, const std::string& message) const override;

 protected:
  const Resource& resource_of(const std::string& section) override {
    return checking_.resource(section, owner(), request_.where);
  }
  [[noreturn]] void refuse_resource(const std::string& section, const std::type_info& made,
                                    const std::type_info& wanted) const override;

 private:
  std::string owner() const { return request_.owner(); }
  Position where_wired(const std::string& port) const;
  void fault(const std::string& port, const std::string& message) {
    checking_.fault(where_wired(port), fmt::format("{}: {}", owner(), message));
  }
  PortSpec port_spec(std::string_view output) const;

  // node_inputs.cpp
  bool bind(const Port& port, Wire wire);
  std::optional<std::string> misfit(const Port& port, const PortSpec& wanted, Wire wire);
  std::string source(const std::string& port, const CheckedNode& producer) const;
  DType wanted_dtype(const PortSpec& port, const TensorSpec& given);
  Wire fitted(Wire wire, const PortSpec& wanted);

  Checking& checking_;
  const Request& request_;
  CheckedNode& node_;
  const NodeType& type_;
  Sides sides_;
  int free_block_ = 0;
  std::optional<DType> float_;  // of the ports with dtype `float`
  std::vector<std::string> any_;
};

}  // namespace dagfusion
