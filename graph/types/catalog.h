// The catalog of node types and sections: all that graph/ knows of what a pipeline is for.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "graph/types/composite.h"
#include "graph/types/setup.h"

namespace dagfusion {

enum class Role { map, data_set, ordered, composite };
enum class Rate { frame, step };
// Order inside a step: what writes resources, what reads them, what saves them.
enum class Phase { write, read, save };

// How the node is made: make_node<Silu>, or any function that gives a unique_ptr to its class. Gradients flow through
// a DifferentiableMap, which does not compile without a backward() of its own.
class Create {
 public:
  Create() = default;
  template <class Make>
  Create(Make make)
      : differentiable(
            std::derived_from<typename std::invoke_result_t<Make&, Setup&>::element_type, DifferentiableMap>),
        make_(std::move(make)) {}
  std::unique_ptr<Node> operator()(Setup& setup) const { return make_(setup); }
  explicit operator bool() const { return make_ != nullptr; }

  bool differentiable = false;

 private:
  std::function<std::unique_ptr<Node>(Setup&)> make_;
};

struct NodeType {
  std::string name;
  std::string summary;     // one sentence
  std::string group = {};  // its heading in the table of types
  // What it does in a pipeline, in the field's words ("loss"):
  // types that share one can stand in for each other.
  std::vector<std::string> stands_for = {};
  std::string paper = {};    // "Ho et al. 2020, arXiv:2006.11239, eq. 4"
  std::string example = {};  // one entry below `nodes`: "{type: add_noise, in: {x0: x0, noise: noise, t: t}}"
  Role role = Role::map;
  Rate rate = Rate::frame;     // of an ordered node
  Phase phase = Phase::write;  // of a per-step node
  std::vector<Port> inputs = {};
  std::vector<Port> outputs = {};  // the first is the main output
  std::vector<Parameter> parameters = {};
  bool stops_gradient = false;     // nothing flows back through it
  bool minimizes = false;          // takes `minimize`
  bool only_training = false;      // identity without training: the checker takes it out of the graph
  bool counts_iterations = false;  // makes a Times, which can be `each` of a loop
  // The checker puts it where a value and the input that reads it differ in form.
  // Takes the parameters `layout` (plain or blocked) and `dtype` (f32 or bf16).
  bool changes_form = false;
  // Of a data set: the boolean parameter that makes the engine draw its samples in another order each epoch.
  std::string shuffled_by = {};
  Create create = {};
  std::function<void(Builder&)> expand = {};  // of a composite

  // Gradients flow through it: by its own backward(), or by those of the nodes it stands for.
  bool differentiable() const { return role == Role::composite ? !minimizes : create.differentiable; }
};

// Whether nothing that a run computes can depend on a node of this type: it only writes files, or the screen.
bool only_writes_out(const NodeType&);

template <class T>
std::unique_ptr<T> make_node(Setup& setup) {
  return std::make_unique<T>(setup);
}

struct SectionType {
  std::string name;
  std::string summary;
  std::vector<Parameter> parameters;
  std::function<std::unique_ptr<Resource>(const Parameters&)> create;
};

struct Catalog {
  std::vector<NodeType> nodes;
  std::vector<SectionType> sections;
  std::vector<std::string> plugins = {};  // files whose types are in (graph/compose/plugins.h)
  const NodeType* find(const std::string& name) const;
  const SectionType* section(const std::string& name) const;
  // The names of the types of which `is` holds, for messages.
  std::vector<std::string> names(const std::function<bool(const NodeType&)>& is) const;
};

}  // namespace dagfusion
