// The checker's state while it works: private to graph/check.
#pragma once

#include <set>
#include <utility>

#include "graph/check/check.h"
#include "graph/compose/inside.h"
#include "graph/types/file_keys.h"

namespace dagfusion {

// What a name stands for where it can be seen: the outputs of a node, a composite, a loop, carry or each.
struct Named {
  std::map<std::string, Wire> ports;
  std::string main;     // port meant when none is named
  bool broken = false;  // the node had a fault
  int node = -1;        // the last node made for it, for `after`
};

// The names that can be seen at one place: those of this map of nodes, and of the maps around it.
struct Scope {
  const Scope* parent = nullptr;
  std::map<std::string, Named> names;

  const Named* find(const std::string& name) const;  // the innermost; null when there is none
  std::vector<std::string> visible() const;
};

// Thrown where work stops because of a fault that is reported already:
// whatever else could be reported would only follow from it.
struct AlreadyReported {};

// Sets a value, and sets it back at the end of the block.
template <class T>
class Temporarily {
 public:
  Temporarily(T& place, T value) : place_(place), before_(std::exchange(place, std::move(value))) {}
  ~Temporarily() { place_ = std::move(before_); }
  Temporarily(const Temporarily&) = delete;
  Temporarily& operator=(const Temporarily&) = delete;

 private:
  T& place_;
  T before_;
};

// An input as the user wired it, for messages.
struct Wired {
  Position port;     // where the input is named; the reference when it is not
  Position where;    // of the reference
  std::string text;  // of the reference: "digits.label"
};

// A node that comes first, by the name that the user gives.
struct First {
  int node = -1;
  std::string name;
  Position where;
};

// What a key named: an average of weights, for example.
struct Name {
  std::string text;  // "" = none
  Position where;
};

// The section `model`, or one of `models`.
struct ModelSection {
  Tree tree;
  const NodeType* type = nullptr;  // null: the section has a fault, which is reported
  Parameters parameters;
};

// One node on its way in: from YAML or from a composite.
struct Request {
  std::string path;         // "out/down0/conv1"
  std::string weight_path;  // "model/down0/conv1"
  const NodeType* type = nullptr;
  Parameters parameters;
  std::map<std::string, Wire> in;
  std::map<std::string, Wired> written;  // of those from YAML
  Position where;
  std::vector<First> after;
  Every every;
  bool drop_on_error = false;
  std::string stream;  // "" = the path
  bool calls_model = false;
  Name average;         // of the weights that it reads, and all nodes inside; none = the live ones
  std::string part_of;  // in messages: the optimiser that made it; "" = by its own path
  std::vector<std::shared_ptr<Inside>> insides;  // of the composites around it, outermost first
  std::shared_ptr<Inside> own_inside;            // its own, the last of them

  std::string owner() const { return part_of.empty() ? owner_of(path, type->name) : part_of; }
  const Position& where_named(const std::string& port) const {
    const auto found = written.find(port);
    return found == written.end() ? where : found->second.port;
  }
  const Position& where_wired(const std::string& port) const {
    const auto found = written.find(port);
    return found == written.end() ? where : found->second.where;
  }
};

inline constexpr std::int64_t kUsualEvery = 1000;  // steps, of what saves, or runs a pipeline

inline const Parameter kDoc{.name = "doc", .kind = Kind::text, .doc = "what it is for"};

class Checking {
 public:
  Checking(const Tree& file, const Catalog& catalog, const CheckOptions& options);
  Checked result();

  // models.cpp
  std::string example_model() const;  // of the catalog, for messages: "unet"
  void find_models();
  void read_model(const std::string& name, const Tree& section);
  void read_models(const Tree& several);
  bool come_from_checkpoints(const Tree& several);
  void read_trained(const std::vector<Entry>& named);
  ModelSource from_checkpoint(const std::string& name, const Tree& section);
  void take_types_of(const ModelSource&);
  void take_sections_of(const ModelSource&);
  void refuse_other_kind(const Entry& other, const ModelSource& its, const Entry& first, const ModelSource&);

  // averages.cpp: calls of a model on averaged weights
  void read_average(Request& request, const Tree& call, const std::string& owner);
  void find_averages(const Scope& scope);

  // run_section.cpp
  void read_run();

  // check.cpp
  void read_sections();
  bool waits_for_checkpoint() const;
  const Resource& resource(const std::string& section, const std::string& owner, const Position& where);

  // scope.cpp: the nodes of one map, in an order that respects the edges
  void check_nodes(const Tree& nodes, Scope& scope, const std::string& prefix);
  std::vector<const Entry*> in_order(const Tree& nodes, const std::string& prefix);

  // entry.cpp: one of them
  Named check_entry(const Entry& entry, const Scope& scope, const std::string& prefix);
  void read_type(Request& request, const Tree& tree, const std::string& owner);
  const ModelSection& called_model(const std::string& name, const std::string& owner, const Position& where);
  void read_model_call(Request& request, const Tree& tree, const std::string& owner);
  void take_model_input(const Request& call, const std::string& owner);
  void put_before_model(Request& call);
  bool wire_inputs(Request& request, const Tree& in, const Scope& scope, const std::string& owner);
  void read_common_keys(Request& request, const Tree& tree, const Scope& scope, const std::string& owner);
  Named check_optimiser(Request request, const Tree& tree, const Scope& scope, const std::string& owner);

  // when.cpp: a node that some frames skip, and the value they get instead (kNoWire: zeros)
  Named check_when(Request request, const Tree& tree, const Scope& scope, const std::string& owner);
  Named make_when(Request request, Wire condition, Wire otherwise, const Wired& written = {});

  // classes.cpp: the names of the classes that the data sets so far know; a fault when they disagree
  std::vector<std::string> classes_of_data(const std::string& owner, const Position& where) const;
  std::vector<std::string> known_classes(const std::string& owner, const Position& where) const;

  // reference.cpp: what entries refer to, and keys with a meaning of their own
  Setting read_key(const Tree& value, const Parameter& declared,
                   const std::string& owner);  // nothing: a fault
  std::optional<Wire> look_up(const Tree& reference, const Scope& scope, const std::string& owner);
  std::string hint_for(const std::string& name, const Scope& scope) const;
  std::vector<First> read_after(const Tree& tree, const Scope& scope, const std::string& owner);
  Every read_every(const Tree& tree, const std::string& owner);

  // node.cpp: one node: ports, shapes, constructor
  Named make(Request request);

  // builder.cpp: composites and model calls
  Named expand(Request request);
  void read_inside(Request& request, const Tree& tree, const std::string& owner);

  // loop.cpp
  Named check_loop(const Entry& entry, const Scope& scope, const std::string& prefix);

  // child.cpp: run_pipeline
  Named check_child(const Entry& entry, const Scope& scope, const std::string& prefix);

  // gradient.cpp: what needs a gradient, and that it can have one
  void check_gradients();

  void fault(Position where, std::string message) {
    faults.push_back({std::move(where), std::move(message)});
  }
  // Does some work, and keeps the faults that end it. False: there was one.
  template <class Work>
  bool guarded(Work&& work) {
    try {
      work();
      return true;
    } catch (const UserError& e) {
      faults.insert(faults.end(), e.faults().begin(), e.faults().end());
    } catch (const AlreadyReported&) {
    }
    return false;
  }
  bool broken(Wire w) const { return w.node < 0; }
  // What the name means; throws AlreadyReported when that is nothing, or had a fault.
  Wire need(const Tree& reference, const Scope& scope, const std::string& owner);
  const TensorSpec& spec(Wire w) const { return checked.nodes[w.node].outputs[w.output].spec; }
  // The same value in another dtype (f32 or bf16) or layout:
  // through a reorder node, shared by all who ask, where it has to be.
  Wire in_form(Wire wire, DType dtype, int block);

  const Tree& file;
  const CheckOptions& options;
  const std::shared_ptr<Catalog> types;  // with those that the file, or its checkpoint, brings
  bool lacks_types = false;              // some could not be had
  const Catalog& catalog;                // the same
  Checked checked;
  std::vector<Fault> faults;
  std::map<std::string, ModelSection> models;  // by name: "model" or the keys of `models`
  bool models_broken = false;                  // a fault was reported, and some may be missing
  std::set<std::string> called;                // the models that some node calls
  std::map<std::string, Position> averages;    // those that calls name, and where one does
  std::map<std::string, Entry> sections;       // those of the catalog, by name
  // Of a wire, to a form, in a loop, under a condition.
  std::map<std::tuple<int, int, DType, int, int, int>, Wire> reorders;
  std::set<std::string> failed_sections;
  int current_loop = -1;
  int current_group = -1;
  Wire current_when = kNoWire;
};

}  // namespace dagfusion
