#include "tests/one_node.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "graph/check.h"
#include "nodes/catalog.h"
#include "tests/bench.h"

namespace dagfusion::tests {

namespace {

struct Given final : Map {
  explicit Given(Setup& setup, TensorSpec spec) { setup.output("out", spec.shape, spec.dtype); }
  void forward(Call&) const override {}
};

}  // namespace

Plain numbered(Shape shape) {
  Plain p{shape, std::vector<float>(static_cast<std::size_t>(count_of(shape)))};
  for (std::size_t i = 0; i < p.values.size(); ++i) p.values[i] = static_cast<float>(i);
  return p;
}

Plain gaussian(Shape shape, std::uint64_t seed) {
  Plain p = numbered(std::move(shape));
  const RandomStream stream{.key = stream_key(seed, "test")};
  for (std::size_t i = 0; i < p.values.size(); ++i) {
    const Philox4 w = stream.block(static_cast<std::uint32_t>(i));
    const double u = (w[0] + 1.0) / 4294967296.0, v = w[1] / 4294967296.0;
    p.values[i] = static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v));
  }
  return p;
}

struct OneNode::State final : Bench {};

OneNode::OneNode(const std::string& yaml, std::map<std::string, Plain> inputs, BenchOptions options,
                 int micro_batch)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.options = options;
  for (const auto& [port, plain] : inputs)
    if (!plain.shape.empty()) micro_batch = static_cast<int>(plain.shape[0]);
  for (const auto& [port, images] : options.images) micro_batch = static_cast<int>(images.size());

  // A pipeline of one node, behind one node per input that stands for what is given.
  s.types = catalog();
  const Position where{"test.yaml", 1, 1};
  const auto text = [&](std::string t) { return scalar(std::move(t), where); };
  const auto map = [&] {
    Tree t;
    t.kind = Tree::Kind::map;
    t.where = where;
    return t;
  };
  s.tree = options.sections.empty() ? map() : parse_document(options.sections, "test.yaml");
  Tree run = map();
  run.entries.push_back({"seed", where, text(std::to_string(options.seed))});
  run.entries.push_back({"micro_batch", where, text(std::to_string(micro_batch))});
  if (options.half) run.entries.push_back({"precision", where, text("bfloat16")});
  if (options.training) {
    run.entries.push_back({"steps", where, text(std::to_string(options.steps))});
    run.entries.push_back(
        {"batch_size", where, text(std::to_string(options.batch_size ? options.batch_size : micro_batch))});
  } else {
    run.entries.push_back({"images", where, text("1000000000")});
  }
  s.tree.entries.push_back({"run", where, run});
  Tree nodes = map(), in = map();
  Tree node = parse_document(yaml, "test.yaml");
  const auto give = [&](const std::string& port, TensorSpec spec) {
    const bool blocked =
        std::find(options.blocked.begin(), options.blocked.end(), port) != options.blocked.end();
    s.types.nodes.push_back(
        {.name = "given_" + port,
         .summary = "What the test gives.",
         .outputs = {{"out", blocked ? "[A,B,C,D] any blocked" : "[...] any", "given"}},
         .create = [spec](Setup& setup) { return std::make_unique<Given>(setup, spec); }});
    Tree given = map();
    given.entries.push_back({"type", where, text("given_" + port)});
    nodes.entries.push_back({"in_" + port, where, given});
    in.entries.push_back({port, where, text("in_" + port)});
  };
  for (const auto& [port, plain] : inputs)
    give(port,
         {.dtype = options.dtypes.count(port) ? options.dtypes.at(port) : DType::f32, .shape = plain.shape});
  for (const auto& [port, images] : options.images)
    give(port, {.dtype = DType::images, .shape = {static_cast<std::int64_t>(images.size())}});
  if (node.is_map() && !in.entries.empty()) node.entries.push_back({"in", where, in});
  nodes.entries.push_back({"node", where, node});
  s.tree.entries.push_back({"nodes", where, nodes});

  CheckOptions check_options{
      .channel_block = options.channel_block, .bfloat16 = options.half, .training = options.training};
  s.checked = check(s.tree, s.types, check_options);
  for (std::size_t n = 0; n < s.checked.nodes.size(); ++n) {
    CheckedNode& c = s.checked.nodes[n];
    if (c.path == "node") s.node = static_cast<int>(n);
    s.outputs.emplace_back();
    s.saved.emplace_back();
    for (const CheckedOutput& o : c.outputs) s.outputs.back().emplace_back(o.spec);
    for (const CheckedSaved& v : c.saved) s.saved.back().emplace_back(v.spec);
  }
  if (s.node < 0)
    throw std::logic_error(
        "a composite, or a node that is the identity here: check it with a whole pipeline");
  Preparation preparation;
  for (CheckedNode& c : s.checked.nodes) c.node->prepare(preparation);
  s.scratch = Buffer(preparation.scratch_bytes + 64);
  s.live = WeightValues(s.checked.weights->floats(), s.checked.weights->packed_bytes());
  s.gradient = Buffer(s.checked.weights->floats() * sizeof(float));
  s.checked.weights->initialise(s.live.values(), options.seed);
  s.checked.weights->pack(s.live);
  const CheckedNode& c = s.checked.nodes[static_cast<std::size_t>(s.node)];
  for (const CheckedOutput& o : c.outputs) s.d_outputs.emplace_back(o.spec);
  for (const CheckedInput& i : c.inputs) {
    s.d_inputs.emplace_back(i.spec);
    const bool unwanted = std::find(options.no_gradient.begin(), options.no_gradient.end(), i.port) !=
                          options.no_gradient.end();
    const bool passed = std::any_of(c.passes.begin(), c.passes.end(),
                                    [&](auto& p) { return p.second == static_cast<int>(s.wants.size()); });
    s.wants.push_back(!unwanted && !passed && convertible(i.spec.dtype, DType::f32));
  }
  for (auto& [port, plain] : inputs) set_input(port, plain.values);
  for (std::size_t n = 0; n < s.checked.nodes.size(); ++n)
    for (const auto& [port, images] : options.images)
      if (s.checked.nodes[n].path == "in_" + port) s.outputs[n][0].images = images;
}

OneNode::~OneNode() = default;

void OneNode::at(std::int64_t position, int iteration, int valid) {
  state_->position_ = position;
  state_->iteration_ = iteration;
  state_->valid_ = valid;
}

void OneNode::set_input(const std::string& port, std::vector<float> values) {
  for (std::size_t n = 0; n < state_->checked.nodes.size(); ++n)
    if (state_->checked.nodes[n].path == "in_" + port) return state_->outputs[n][0].set(values);
  throw std::logic_error("no input " + port);
}

void OneNode::forward() {
  State& s = *state_;
  std::vector<Value>& own = s.outputs[static_cast<std::size_t>(s.node)];
  for (Value& v : own) v.forget();
  for (int n = 0; n < static_cast<int>(s.checked.nodes.size()); ++n) {
    BenchCall call(s, n);
    Node& node = *s.checked.nodes[static_cast<std::size_t>(n)].node;
    if (auto* ordered = dynamic_cast<Ordered*>(&node))
      ordered->run(call);
    else
      static_cast<const Map&>(node).forward(call);
  }
  for (std::size_t o = 0; o < own.size(); ++o) own[o].expect_zero_filling(checked().outputs[o].port);
}

namespace {

template <class Ports>
std::size_t find_port(const Ports& ports, const std::string& name) {
  for (std::size_t i = 0; i < ports.size(); ++i)
    if (ports[i].port == name) return i;
  throw std::logic_error("no port " + name);
}

}  // namespace

Plain OneNode::output(const std::string& port) const {
  const auto n = static_cast<std::size_t>(state_->node);
  return state_->outputs[n][find_port(state_->checked.nodes[n].outputs, port)].plain();
}

const std::vector<Image>& OneNode::output_images(const std::string& port) const {
  const auto n = static_cast<std::size_t>(state_->node);
  return state_->outputs[n][find_port(state_->checked.nodes[n].outputs, port)].images;
}

TensorSpec OneNode::output_spec(const std::string& port) const {
  const auto n = static_cast<std::size_t>(state_->node);
  return state_->checked.nodes[n].outputs[find_port(state_->checked.nodes[n].outputs, port)].spec;
}

Plain OneNode::weight(const std::string& name) const {
  const WeightTable& table = *state_->checked.weights;
  const int w = table.find("node." + name);
  if (w < 0) throw std::logic_error("no weight " + name);
  return {table.weights()[static_cast<std::size_t>(w)].shape, table.plain(w, state_->live.values())};
}

void OneNode::set_weight(const std::string& name, std::vector<float> values) {
  const WeightTable& table = *state_->checked.weights;
  table.set_plain(table.find("node." + name), values, state_->live.values());
  table.pack(state_->live);
}

void OneNode::backward(std::map<std::string, Plain> d_outputs) {
  State& s = *state_;
  const CheckedNode& c = s.checked.nodes[static_cast<std::size_t>(s.node)];
  for (std::size_t o = 0; o < c.outputs.size(); ++o) {
    const auto given = d_outputs.find(c.outputs[o].port);
    s.d_outputs[o].set(given != d_outputs.end()
                           ? given->second.values
                           : std::vector<float>(static_cast<std::size_t>(count_of(c.outputs[o].spec.shape))));
  }
  for (const auto& [from, to] : c.passes)
    s.d_inputs[static_cast<std::size_t>(to)].set(s.d_outputs[static_cast<std::size_t>(from)].plain().values);
  s.first = true;
  BenchCall call(s, s.node);
  const auto& map = static_cast<const Map&>(*c.node);
  for (std::size_t i = 0; i < c.inputs.size(); ++i)
    if (s.wants[i]) s.d_inputs[i].forget();
  map.backward(call);
  for (std::size_t i = 0; i < c.inputs.size(); ++i)
    if (s.wants[i]) s.d_inputs[i].expect_zero_filling("d(" + c.inputs[i].port + ")");
  if (!c.weights.empty()) map.accumulate(call);
}

void OneNode::accumulate_again() {
  state_->first = false;
  BenchCall call(*state_, state_->node);
  static_cast<const Map&>(node()).accumulate(call);
}

Plain OneNode::d_input(const std::string& port) const {
  return state_
      ->d_inputs[find_port(state_->checked.nodes[static_cast<std::size_t>(state_->node)].inputs, port)]
      .plain();
}

Plain OneNode::d_weight(const std::string& name) const {
  const WeightTable& table = *state_->checked.weights;
  const int w = table.find("node." + name);
  return {table.weights()[static_cast<std::size_t>(w)].shape, table.plain(w, state_->gradient.as<float>())};
}

Node& OneNode::node() { return *state_->checked.nodes[static_cast<std::size_t>(state_->node)].node; }
const NodeType& OneNode::type() const {
  return *state_->checked.nodes[static_cast<std::size_t>(state_->node)].type;
}
std::int64_t OneNode::multiply_adds() const {
  return state_->checked.nodes[static_cast<std::size_t>(state_->node)].multiply_adds;
}
RunInfo& OneNode::run() { return *state_; }
bool OneNode::dropped() const { return state_->dropped_; }

const CheckedNode& OneNode::checked() const {
  return state_->checked.nodes[static_cast<std::size_t>(state_->node)];
}
bool OneNode::wants(const std::string& port) const {
  const auto i = find_port(checked().inputs, port);
  const bool passed = std::any_of(checked().passes.begin(), checked().passes.end(),
                                  [&](auto& p) { return p.second == static_cast<int>(i); });
  return state_->wants[i] || passed;
}
std::vector<float> OneNode::given(const std::string& port) const {
  for (std::size_t n = 0; n < state_->checked.nodes.size(); ++n)
    if (state_->checked.nodes[n].path == "in_" + port) return state_->outputs[n][0].plain().values;
  throw std::logic_error("no input " + port);
}

std::string refusal(const std::string& yaml, std::map<std::string, Plain> inputs, BenchOptions options,
                    int micro_batch) {
  try {
    OneNode node(yaml, std::move(inputs), std::move(options), micro_batch);
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

}  // namespace dagfusion::tests
