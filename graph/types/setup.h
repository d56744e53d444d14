// What a node's constructor sees and says: parameters, ports with their shapes, weights, memory of a frame.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>

#include "graph/types/node.h"
#include "graph/types/parameter.h"
#include "graph/types/port.h"

namespace dagfusion {

// A long-lived object made from a section of the file, read by nodes.
class Resource {
 public:
  virtual ~Resource() = default;
  // What is allowed but hardly meant, for the program to print before a run.
  virtual std::vector<std::string> warnings() const { return {}; }
  // Node types that stand between what a call of a model is wired to and the model's input `port`, in every
  // call. They are wired to those inputs of the call that they have ports for.
  struct ModelInput {
    std::string port, type;
  };
  virtual std::vector<ModelInput> before_model() const { return {}; }
};

// The `run` section, after the checks; -1 = not given, to be chosen.
struct RunSettings {
  std::uint64_t seed = 0;
  std::int64_t steps = 0;       // training: optimiser updates
  std::int64_t batch_size = 0;  // images per step; without training, micro_batch
  int micro_batch = 1;          // images per frame: N
  int gradient_groups = 1;      // parts of a step whose gradients are added up apart, then in a fixed tree
  int ranks = 1;                // processes that share each step
  int lanes = -1, threads = -1, frames_in_flight = -1;
  DType activation = DType::f32;  // `act`
  int channel_block = 8;          // 8 on AVX2, 16 on AVX-512
  std::string output;
  bool training = false;   // some node minimizes
  bool recompute = false;  // norms, activations and copies: again in the backward pass instead of kept
  bool winograd = true;    // 3x3 convolutions may be computed by Winograd's algorithm
};

// When memory that a node saves for itself is alive.
enum class Span { forward_to_backward, forward_to_accumulate, backward_to_accumulate };

class Setup {
 public:
  virtual ~Setup() = default;
  virtual const Parameters& parameters() const = 0;
  std::int64_t integer(std::string_view name) const { return parameters().integer(name); }
  double real(std::string_view name) const { return parameters().real(name); }
  bool flag(std::string_view name) const { return parameters().flag(name); }
  const std::string& text(std::string_view name) const { return parameters().text(name); }
  bool has(std::string_view name) const { return parameters().has(name); }
  virtual const RunSettings& run() const = 0;

  // Ports. An optional input that is not wired is not connected(). The shape of an output follows from the
  // letters in its port, or is given here; its layout follows from the port. Every declared output must be
  // asked for once.
  virtual Input input(std::string_view port) = 0;
  virtual std::vector<std::pair<std::string, Input>>
  any_inputs() = 0;  // those of the port "*", as the user named them
  // The data set that a value comes from, by whatever way; null when there is none, or more than one.
  virtual const DataSet* data_set_behind(const Input&) const = 0;
  virtual Output output(std::string_view port) = 0;
  virtual Output output(std::string_view port, Shape shape) = 0;
  virtual Output output(std::string_view port, Shape shape, DType dtype) = 0;  // of ports with dtype `any`
  // Its layout and dtype are the node's choice too (NodeType::changes_form).
  virtual Output output_as(std::string_view port, TensorSpec form) = 0;

  // Memory. What backward() or accumulate() read of the forward
  // pass must be declared here; all else may be overwritten.
  virtual Saved saved(std::string_view name, TensorSpec spec, Span span) = 0;
  virtual void backward_reads(const Input&) = 0;
  virtual void backward_reads(const Output&) = 0;
  virtual void accumulate_reads(const Input&) = 0;
  // d(input) is d(output), bit for bit: no copy, and backward() gets no d(input) to write.
  virtual void passes_gradient(const Output& from, const Input& to) = 0;

  // Weights are named below the node's path in the model: weight("weight", …) -> "model/conv_in.weight".
  virtual Weight weight(std::string_view name, Shape shape, Init init, StoredLayout layout = {}) = 0;
  virtual Packed packed(const Weight&, std::string key, std::size_t bytes,
                        std::function<void(const float* stored, std::byte* packed)> pack) = 0;

  // Multiply-adds of one frame, forward.
  virtual void multiply_adds(std::int64_t) = 0;

  // The section of the file as the object it was made into;
  // a fault when the file has no such section, or when the object is of another class.
  template <class R>
  const R& resource(const std::string& section) {
    const Resource& made = resource_of(section);
    const auto* wanted = dynamic_cast<const R*>(&made);
    if (!wanted) refuse_resource(section, typeid(made), typeid(R));
    return *wanted;
  }
  // [C,H,W] of the model's main input:
  // what the first call was given, or what the checkpoint says; a fault when unknown.
  virtual Shape model_input() = 0;
  // The names of the images' classes, by label: those of the model, or else of the data sets of the file.
  virtual std::vector<std::string> classes() = 0;
  // Indices into WeightTable of what this optimiser trains:
  // matches `pattern`, and lies upstream of what it minimizes.
  virtual std::vector<int> trained_weights(const std::string& pattern) = 0;
  virtual const WeightTable& weight_table() const = 0;
  // Path of a file the user names for reading: relative to the current directory.
  virtual std::filesystem::path readable(std::string_view parameter) = 0;  // a fault when it does not exist

  [[noreturn]] void fail(const std::string& message) const { parameters().fail(message); }
  [[noreturn]] void fail_at(std::string_view parameter, const std::string& message) const {
    parameters().fail(parameter, message);
  }
  [[noreturn]] void fail_at(std::string_view parameter, std::size_t item, const std::string& message) const {
    parameters().fail(parameter, item, message);
  }
  // Nothing is wrong, but the user should know:
  // shown by `check` and before a run, at the value of `parameter`.
  virtual void note_at(std::string_view parameter, const std::string& message) = 0;
  // "owner: message", at the place where input `port` is wired.
  [[noreturn]] virtual void fail_at_input(std::string_view port, const std::string& message) const = 0;

 protected:
  virtual const Resource& resource_of(const std::string& section) = 0;
  [[noreturn]] virtual void refuse_resource(const std::string& section, const std::type_info& made,
                                            const std::type_info& wanted) const = 0;
};

}  // namespace dagfusion
