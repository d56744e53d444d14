// One node: its ports fitted to what is wired, then its constructor, which declares the rest through Setup.
#include <fmt/format.h>

#include "graph/checking.h"
#include "graph/pattern.h"

namespace dagfusion {

namespace {

class NodeSetup final : public Setup {
 public:
  NodeSetup(Checking& checking, const Request& request, CheckedNode& node)
      : checking_(checking), request_(request), node_(node), type_(*request.type) {
    sides_.set("N", run().micro_batch, "run.micro_batch");
  }

  const Parameters& parameters() const override { return request_.parameters; }
  const RunSettings& run() const override { return checking_.checked.run; }

  // Fits every wired input to its port. False: a fault, or an input of a node that had one.
  bool bind_inputs() {
    bool good = true;
    const bool any_name = !type_.inputs.empty() && type_.inputs.back().name == kAnyName;
    std::vector<std::string> names;
    for (const Port& p : type_.inputs)
      if (p.name != kAnyName) names.push_back(p.name);
    for (const auto& [name, wire] : request_.in) {
      const bool known = std::find(names.begin(), names.end(), name) != names.end();
      if (!known && !any_name) {
        good = false;
        fault(name, fmt::format("no input '{}'{}", name, suggestion(name, names)));
      }
      if (checking_.broken(wire)) good = false;
    }
    if (!good) return false;
    for (const Port& port : type_.inputs) {
      if (port.name == kAnyName) {
        for (const auto& [name, wire] : request_.in)
          if (std::find(names.begin(), names.end(), name) == names.end()) {
            const Port own{.name = name, .spec = port.spec};
            good = bind(own, wire) && good;
            any_.push_back(name);
          }
        continue;
      }
      const auto wired = request_.in.find(port.name);
      if (wired != request_.in.end()) {
        good = bind(port, wired->second) && good;
      } else if (!port.optional) {
        good = false;
        checking_.fault(request_.where, fmt::format("{}: input '{}' is not wired; it takes {}, {}", owner(), port.name,
                                                    port.doc, port.spec));
      }
    }
    return good;
  }

  Input input(std::string_view port) override {
    if (std::none_of(type_.inputs.begin(), type_.inputs.end(), [&](const Port& p) { return p.name == port; }))
      throw std::logic_error(fmt::format("{} asks for input '{}', which it does not declare", type_.name, port));
    for (std::size_t i = 0; i < node_.inputs.size(); ++i)
      if (node_.inputs[i].port == port) return {static_cast<int>(i), node_.inputs[i].spec};
    return {};
  }

  std::vector<std::pair<std::string, Input>> any_inputs() override {
    std::vector<std::pair<std::string, Input>> found;
    for (std::size_t i = 0; i < node_.inputs.size(); ++i)
      if (std::find(any_.begin(), any_.end(), node_.inputs[i].port) != any_.end())
        found.emplace_back(node_.inputs[i].port, Input{static_cast<int>(i), node_.inputs[i].spec});
    return found;
  }

  Output output(std::string_view port) override {
    const std::optional<Shape> shape = sides_.shape(port_spec(port));
    if (!shape)
      throw std::logic_error(fmt::format("{}: the shape of output '{}' does not follow from its inputs", type_.name, port));
    return output(port, *shape);
  }

  Output output(std::string_view port, Shape shape) override {
    const std::string dtype = port_spec(port).dtype;
    return output(port, std::move(shape), dtype == "act" ? run().activation : dtype_of(dtype));
  }

  Output output(std::string_view port, Shape shape, DType dtype) override {
    const PortSpec spec = port_spec(port);
    TensorSpec made{.dtype = dtype, .shape = std::move(shape)};
    if (made.shape.size() == 4) {
      if (spec.layout == "blocked") made.block = run().channel_block;
      if (spec.layout == "free") made.block = std::max(free_block_, 1);
      if (type_.name == "reorder") made.block = text("layout") == "blocked" ? run().channel_block : 1;
    }
    for (std::size_t i = 0; i < type_.outputs.size(); ++i) {
      if (type_.outputs[i].name != port) continue;
      node_.outputs[i] = {.port = std::string(port), .spec = made};
      return {static_cast<int>(i), made};
    }
    throw std::logic_error(fmt::format("{} has no output '{}'", type_.name, port));
  }

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

  Weight weight(std::string_view name, Shape shape, Init init, StoredLayout layout) override {
    WeightSpec spec{.path = fmt::format("{}.{}", request_.weight_path, name),
                    .shape = std::move(shape),
                    .init = init,
                    .layout = std::move(layout)};
    try {
      node_.weights.push_back(checking_.checked.weights->add(std::move(spec)));
    } catch (const std::logic_error& e) {
      fail(fmt::format("shares a weight with an earlier call, but not its shape: {}", e.what()));
    }
    return {static_cast<int>(node_.weights.size()) - 1};
  }

  Packed packed(const Weight& weight, std::string key, std::size_t bytes,
                std::function<void(const float*, std::byte*)> pack) override {
    node_.packed.push_back(checking_.checked.weights->add(PackedSpec{
        .weight = node_.weights[weight.index], .key = std::move(key), .bytes = bytes, .pack = std::move(pack)}));
    return {static_cast<int>(node_.packed.size()) - 1};
  }

  void multiply_adds(std::int64_t count) override { node_.multiply_adds = count; }

  Shape model_input() override {
    if (checking_.checked.model_input.empty())
      fail("asks for the shape of the model's input, which is not known here; a model from a checkpoint knows it");
    return checking_.checked.model_input;
  }

  std::vector<int> trained_weights(const std::string& pattern) override;
  const WeightTable& weight_table() const override { return *checking_.checked.weights; }

  std::filesystem::path readable(std::string_view parameter) override {
    const std::filesystem::path path = text(parameter);
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
      std::vector<std::string> near;
      const auto parent = path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path();
      for (const auto& e : std::filesystem::directory_iterator(parent, ignored)) near.push_back(e.path().filename().string());
      std::string hint = near.size() > 0 ? suggestion(path.filename().string(), near) : "";
      if (hint.find("did you mean") == std::string::npos) hint.clear();
      fail_at(parameter, fmt::format("'{}' is {}, which does not exist{}", parameter, path.string(), hint));
    }
    return path;
  }

  void fail_at_input(std::string_view port, const std::string& message) const override {
    const auto where = request_.in_where.find(std::string(port));
    throw UserError(where == request_.in_where.end() ? request_.where : where->second,
                    fmt::format("{}: {}", owner(), message));
  }

 protected:
  const Resource& resource_of(const std::string& section) override {
    return checking_.resource(section, owner(), request_.where);
  }

 private:
  std::string owner() const { return owner_of(request_.path, type_.name); }

  void fault(const std::string& port, const std::string& message) {
    const auto where = request_.in_where.find(port);
    checking_.fault(where == request_.in_where.end() ? request_.where : where->second,
                    fmt::format("{}: {}", owner(), message));
  }

  static DType dtype_of(const std::string& name) {
    for (DType d : {DType::u8, DType::u16, DType::i32, DType::f32, DType::bf16, DType::images})
      if (name_of(d) == name) return d;
    throw std::logic_error("no dtype " + name);
  }

  PortSpec port_spec(std::string_view output) const {
    for (const Port& p : type_.outputs)
      if (p.name == output) return parse_port(p.spec);
    throw std::logic_error(fmt::format("{} has no output '{}'", type_.name, output));
  }

  bool bind(const Port& port, Wire wire) {
    const PortSpec wanted = parse_port(port.spec);
    const CheckedNode& producer = checking_.checked.nodes[wire.node];
    const TensorSpec& given = producer.outputs[wire.output].spec;
    if (producer.type->rate == Rate::step && type_.rate != Rate::step) {
      fault(port.name, fmt::format("input '{}': '{}' runs once per step, this node once per frame; a value of a step cannot "
                                   "go back to its frames", port.name, producer.path));
      return false;
    }
    const DType dtype = wanted.dtype == "any"   ? given.dtype
                        : wanted.dtype == "act" ? checking_.checked.run.activation
                                                : dtype_of(wanted.dtype);
    if (given.dtype != dtype) {
      fault(port.name, fmt::format("input '{}' takes {}, but '{}' gives {}{}", port.name, port.spec, producer.path,
                                   to_string(given), dtype_hint(given.dtype, dtype)));
      return false;
    }
    if (const auto wrong = sides_.bind(port, wanted, given.shape)) {
      fault(port.name, fmt::format("input '{}' {}: {}", port.name, to_string(given.shape), *wrong));
      return false;
    }
    int block = 1;
    if (given.shape.size() == 4 && type_.name != "reorder") {
      if (wanted.layout == "blocked" || (wanted.layout == "first" && given.shape[1] > 4)) block = run().channel_block;
      if (wanted.layout == "free") block = free_block_ = free_block_ ? free_block_ : given.block;
      wire = checking_.in_layout(wire, block);
    }
    node_.inputs.push_back({.port = port.name, .from = wire, .spec = checking_.spec(wire)});
    return true;
  }

  static std::string dtype_hint(DType given, DType wanted) {
    if (given == DType::u8 && wanted == DType::f32) return "; to_signed turns bytes into numbers";
    if (given == DType::f32 && wanted == DType::u8) return "; to_bytes turns numbers into bytes";
    if (given == DType::images && wanted == DType::u8) return "; center_crop turns pictures into one tensor";
    return "";
  }

  Checking& checking_;
  const Request& request_;
  CheckedNode& node_;
  const NodeType& type_;
  Sides sides_;
  int free_block_ = 0;
  std::vector<std::string> any_;
};

std::vector<int> NodeSetup::trained_weights(const std::string& pattern) {
  Checked& checked = checking_.checked;
  if (checking_.current_group < 0) throw std::logic_error(type_.name + " trains weights outside an optimiser");
  Group& group = checked.groups[checking_.current_group];
  std::vector<bool> upstream(checked.nodes.size());
  upstream[group.loss.node] = true;
  std::set<int> found;
  std::vector<std::string> paths;
  for (int n = static_cast<int>(checked.nodes.size()) - 1; n >= 0; --n) {
    if (!upstream[n] || checked.nodes[n].type->stops_gradient) continue;
    for (const CheckedInput& i : checked.nodes[n].inputs) upstream[i.from.node] = true;
    for (const int w : checked.nodes[n].weights) {
      const std::string& path = checked.weights->weights()[w].path;
      paths.push_back(path);
      if (matches(pattern, path)) found.insert(w);
    }
  }
  if (paths.empty()) fail("nothing to train: no weights lie upstream of the loss");
  if (found.empty()) fail(fmt::format("'weights' is '{}', which matches none of the {} weights upstream of the loss, such as {}",
                                      pattern, paths.size(), paths.back()));
  for (const Group& other : checked.groups)
    for (const int w : other.weights)
      if (&other != &group && found.count(w))
        fail(fmt::format("trains {}, which '{}' trains already", checked.weights->weights()[w].path, other.path));
  group.weights.assign(found.begin(), found.end());
  return group.weights;
}

}  // namespace

Wire Checking::in_layout(Wire wire, int block) {
  if (spec(wire).block == block) return wire;
  const auto key = std::make_tuple(wire.node, wire.output, current_loop);
  if (auto made = reorders.find(key); made != reorders.end()) return made->second;
  const NodeType* type = catalog.find("reorder");
  if (!type) throw std::logic_error("the catalog has no 'reorder'");
  const CheckedNode& producer = checked.nodes[wire.node];
  const std::string layout = block > 1 ? "blocked" : "plain";
  Request request{.path = fmt::format("{}/{}", producer.path, layout), .type = type, .in = {{"x", wire}}, .where = producer.where};
  request.parameters = Parameters::make({{"layout", layout}}, type->parameters, owner_of(request.path, type->name),
                                        request.where, faults);
  const Named named = make(std::move(request));
  return reorders[key] = named.ports.at(named.main);
}

Named Checking::make(Request request) {
  const NodeType& type = *request.type;
  const std::string owner = owner_of(request.path, type.name);
  if (current_loop >= 0 && (type.role == Role::ordered || type.role == Role::data_set))
    throw UserError(request.where, fmt::format("{}: {} cannot stand inside a loop: its order would not be defined", owner,
                                               type.role == Role::ordered ? "an ordered node" : "a data set"));
  CheckedNode node;
  node.path = request.path;
  node.type = &type;
  node.where = request.where;
  node.after = request.after;
  node.loop = current_loop;
  node.group = current_group;
  node.every = request.every;
  node.drop_on_error = request.drop_on_error;
  node.stream = stream_key(checked.run.seed, request.stream.empty() ? request.path : request.stream);
  node.outputs.resize(type.outputs.size());
  NodeSetup setup(*this, request, node);
  Named named;
  if (!setup.bind_inputs()) {
    named.broken = true;
    return named;
  }
  if (type.only_training && !checked.run.training) {  // the identity: no node at all
    named.main = type.outputs.front().name;
    named.ports[named.main] = node.inputs.front().from;
    named.node = node.inputs.front().from.node;
    return named;
  }
  node.node = type.create(setup);
  for (std::size_t i = 0; i < type.outputs.size(); ++i)
    if (node.outputs[i].port.empty())
      throw std::logic_error(fmt::format("{} never asked for its output '{}'", type.name, type.outputs[i].name));
  for (const Parameter& p : type.parameters)
    if (type.role == Role::data_set && p.name == "shuffle") node.shuffle = request.parameters.flag("shuffle");
  node.parameters = std::move(request.parameters);
  const int index = static_cast<int>(checked.nodes.size());
  if (!type.outputs.empty()) named.main = type.outputs.front().name;
  for (std::size_t i = 0; i < type.outputs.size(); ++i)
    named.ports[type.outputs[i].name] = {index, static_cast<int>(i)};
  named.node = index;
  checked.nodes.push_back(std::move(node));
  return named;
}

}  // namespace dagfusion
