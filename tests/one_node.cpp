#include "tests/one_node.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "graph/check.h"
#include "nodes/catalog.h"

namespace dagfusion::tests {

namespace {

// Where element (n, c, p) of a value lies: plain, or blocked by channels.
std::size_t place(const TensorSpec& spec, std::size_t plain) {
  if (spec.block == 1) return plain;
  const auto area = static_cast<std::size_t>(spec.shape[2] * spec.shape[3]), channels = static_cast<std::size_t>(spec.shape[1]);
  const auto block = static_cast<std::size_t>(spec.block), blocks = (channels + block - 1) / block;
  const std::size_t n = plain / (channels * area), c = plain / area % channels, p = plain % area;
  return ((n * blocks + c / block) * area + p) * block + c % block;
}

float read(const TensorSpec& spec, const std::byte* data, std::size_t at) {
  switch (spec.dtype) {
    case DType::u8: return static_cast<float>(reinterpret_cast<const std::uint8_t*>(data)[at]);
    case DType::u16: return static_cast<float>(reinterpret_cast<const std::uint16_t*>(data)[at]);
    case DType::i32: return static_cast<float>(reinterpret_cast<const std::int32_t*>(data)[at]);
    default: return reinterpret_cast<const float*>(data)[at];
  }
}

void write(const TensorSpec& spec, std::byte* data, std::size_t at, float value) {
  switch (spec.dtype) {
    case DType::u8: reinterpret_cast<std::uint8_t*>(data)[at] = static_cast<std::uint8_t>(value); break;
    case DType::u16: reinterpret_cast<std::uint16_t*>(data)[at] = static_cast<std::uint16_t>(value); break;
    case DType::i32: reinterpret_cast<std::int32_t*>(data)[at] = static_cast<std::int32_t>(value); break;
    default: reinterpret_cast<float*>(data)[at] = value;
  }
}

struct Value {
  TensorSpec spec;
  Buffer memory;
  std::vector<Image> images;
  explicit Value(TensorSpec s = {}) : spec(std::move(s)), memory(spec.bytes() + 64) {}
  Plain plain() const {
    Plain p{spec.shape, std::vector<float>(static_cast<std::size_t>(count_of(spec.shape)))};
    for (std::size_t i = 0; i < p.values.size(); ++i) p.values[i] = read(spec, memory.data(), place(spec, i));
    return p;
  }
  void forget() { std::memset(memory.data(), 0xFF, spec.bytes()); }  // floats: NaN
  // Channels that only fill the last block up.
  void expect_zero_filling(const std::string& name) const {
    if (spec.block == 1) return;
    std::vector<bool> counts(spec.stored_elements());
    for (std::size_t i = 0; i < static_cast<std::size_t>(count_of(spec.shape)); ++i) counts[place(spec, i)] = true;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] || read(spec, memory.data(), i) == 0) continue;
      ADD_FAILURE() << name << " holds " << read(spec, memory.data(), i) << " in a channel that only fills a block up";
      return;
    }
  }
  void set(const std::vector<float>& values) {
    if (values.size() != static_cast<std::size_t>(count_of(spec.shape))) throw std::logic_error("a value of another size");
    std::memset(memory.data(), 0, spec.bytes());
    for (std::size_t i = 0; i < values.size(); ++i) write(spec, memory.data(), place(spec, i), values[i]);
  }
};

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

namespace {

struct Bench : RunInfo {
  Catalog types;
  Tree tree;
  Checked checked;
  int node = -1;
  BenchOptions options;
  std::vector<std::vector<Value>> outputs, saved;  // by node
  std::vector<Value> d_outputs, d_inputs;          // of the node
  std::vector<bool> wants;
  WeightValues live;
  Buffer gradient, scratch;
  std::int64_t position_ = 0;
  int iteration_ = 0, valid_ = -1;
  bool first = true, dropped_ = false;

  std::filesystem::path directory() const override { return options.directory; }
  std::filesystem::path resolve(const std::string& path) const override {
    return std::filesystem::path(path).is_absolute() ? std::filesystem::path(path) : directory() / path;
  }
  std::uint64_t seed() const override { return options.seed; }
  std::int64_t steps_done() const override { return position_ / std::max<std::int64_t>(checked.run.batch_size, 1) + 1; }
  std::int64_t first_step() const override { return 0; }
  const WeightTable& weights() const override { return *checked.weights; }
  WeightValues& values() override { return live; }
  std::span<float> gradients() override { return gradient.as<float>(); }
  std::string resolved_yaml() const override { return write_document(tree); }
  std::string state_json() const override { return "{}\n"; }
  std::vector<Stateful> stateful() const override { return {}; }
  void told(const std::string& line) override { lines.push_back(line); }
  std::vector<std::string> lines;
};

class BenchCall final : public Call {
 public:
  BenchCall(Bench& s, int node) : s_(s), index_(node), node_(s.checked.nodes[static_cast<std::size_t>(node)]) {}
  const std::vector<Image>& images(const Input& i) const override { return from(i.index).images; }
  std::vector<Image>& images(const Output& o) const override { return s_.outputs[at()][static_cast<std::size_t>(o.index)].images; }
  const float* weight(const Weight& w) const override { return s_.live.values().data() + spec_of(w).offset; }
  const std::byte* packed(const Packed& p) const override {
    return s_.live.packed() + s_.checked.weights->packed()[static_cast<std::size_t>(node_.packed[static_cast<std::size_t>(p.index)])].offset;
  }
  const void* d(const Output& o) const override { return s_.d_outputs[static_cast<std::size_t>(o.index)].memory.data(); }
  void* d(const Input& i) const override {
    if (!i.connected() || !s_.wants[static_cast<std::size_t>(i.index)]) return nullptr;
    return s_.d_inputs[static_cast<std::size_t>(i.index)].memory.data();
  }
  float* d(const Weight& w) const override { return s_.gradients().data() + spec_of(w).offset; }
  bool first_of_step() const override { return s_.first; }
  std::int64_t position() const override { return s_.position_; }
  int valid() const override { return s_.valid_ < 0 ? s_.checked.run.micro_batch : s_.valid_; }
  std::int64_t step() const override { return s_.position_ / s_.checked.run.batch_size; }
  int iteration() const override { return s_.iteration_; }
  RandomStream random(int image) const override {
    return {.key = node_.stream, .image = static_cast<std::uint64_t>(s_.position_ + image), .iteration = static_cast<std::uint32_t>(s_.iteration_)};
  }
  std::int64_t sample(int image) const override {
    const std::int64_t n = s_.position_ + image;
    const auto size = static_cast<const DataSet&>(*node_.node).size();
    if (!size) return n;
    if (!node_.shuffle) return n % *size;
    return static_cast<std::int64_t>(shuffled(static_cast<std::uint64_t>(n % *size), static_cast<std::uint64_t>(*size),
                                              static_cast<std::uint64_t>(n / *size), node_.stream));
  }
  std::byte* scratch() const override { return s_.scratch.data(); }
  void drop(const std::string&) const override { s_.dropped_ = true; }
  RunInfo& run() const override { return s_; }

 protected:
  const void* input(int i) const override { return i < 0 ? nullptr : from(i).memory.data(); }
  void* output(int o) const override { return s_.outputs[at()][static_cast<std::size_t>(o)].memory.data(); }
  void* saved_slot(int i) const override { return s_.saved[at()][static_cast<std::size_t>(i)].memory.data(); }

 private:
  std::size_t at() const { return static_cast<std::size_t>(index_); }
  Value& from(int input) const {
    const Wire w = node_.inputs[static_cast<std::size_t>(input)].from;
    return s_.outputs[static_cast<std::size_t>(w.node)][static_cast<std::size_t>(w.output)];
  }
  const WeightSpec& spec_of(const Weight& w) const {
    return s_.checked.weights->weights()[static_cast<std::size_t>(node_.weights[static_cast<std::size_t>(w.index)])];
  }
  Bench& s_;
  int index_;
  const CheckedNode& node_;
};

}  // namespace

struct OneNode::State final : Bench {};

OneNode::OneNode(const std::string& yaml, std::map<std::string, Plain> inputs, BenchOptions options, int micro_batch)
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
  const auto map = [&] { Tree t; t.kind = Tree::Kind::map; t.where = where; return t; };
  s.tree = options.sections.empty() ? map() : parse_document(options.sections, "test.yaml");
  Tree run = map();
  run.entries.push_back({"seed", where, text(std::to_string(options.seed))});
  run.entries.push_back({"micro_batch", where, text(std::to_string(micro_batch))});
  if (options.training) {
    run.entries.push_back({"steps", where, text(std::to_string(options.steps))});
    run.entries.push_back({"batch_size", where, text(std::to_string(options.batch_size ? options.batch_size : micro_batch))});
  } else {
    run.entries.push_back({"images", where, text("1000000000")});
  }
  s.tree.entries.push_back({"run", where, run});
  Tree nodes = map(), in = map();
  Tree node = parse_document(yaml, "test.yaml");
  const auto give = [&](const std::string& port, TensorSpec spec) {
    const bool blocked = std::find(options.blocked.begin(), options.blocked.end(), port) != options.blocked.end();
    s.types.nodes.push_back({.name = "given_" + port,
                             .summary = "What the test gives.",
                             .outputs = {{"out", blocked ? "[A,B,C,D] any blocked" : "[...] any", "given"}},
                             .create = [spec](Setup& setup) { return std::make_unique<Given>(setup, spec); }});
    Tree given = map();
    given.entries.push_back({"type", where, text("given_" + port)});
    nodes.entries.push_back({"in_" + port, where, given});
    in.entries.push_back({port, where, text("in_" + port)});
  };
  for (const auto& [port, plain] : inputs)
    give(port, {.dtype = options.dtypes.count(port) ? options.dtypes.at(port) : DType::f32, .shape = plain.shape});
  for (const auto& [port, images] : options.images) give(port, {.dtype = DType::images, .shape = {static_cast<std::int64_t>(images.size())}});
  if (node.is_map() && !in.entries.empty()) node.entries.push_back({"in", where, in});
  nodes.entries.push_back({"node", where, node});
  s.tree.entries.push_back({"nodes", where, nodes});

  CheckOptions check_options{.channel_block = options.channel_block, .training = options.training};
  s.checked = check(s.tree, s.types, check_options);
  for (std::size_t n = 0; n < s.checked.nodes.size(); ++n) {
    CheckedNode& c = s.checked.nodes[n];
    if (c.path == "node") s.node = static_cast<int>(n);
    s.outputs.emplace_back();
    s.saved.emplace_back();
    for (const CheckedOutput& o : c.outputs) s.outputs.back().emplace_back(o.spec);
    for (const CheckedSaved& v : c.saved) s.saved.back().emplace_back(v.spec);
  }
  if (s.node < 0) throw std::logic_error("a composite, or a node that is the identity here: check it with a whole pipeline");
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
    const bool unwanted = std::find(options.no_gradient.begin(), options.no_gradient.end(), i.port) != options.no_gradient.end();
    const bool passed = std::any_of(c.passes.begin(), c.passes.end(),
                                    [&](auto& p) { return p.second == static_cast<int>(s.wants.size()); });
    s.wants.push_back(!unwanted && !passed && i.spec.dtype == DType::f32);
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
    s.d_outputs[o].set(given != d_outputs.end() ? given->second.values
                                                : std::vector<float>(static_cast<std::size_t>(count_of(c.outputs[o].spec.shape))));
  }
  for (const auto& [from, to] : c.passes) s.d_inputs[static_cast<std::size_t>(to)].set(s.d_outputs[static_cast<std::size_t>(from)].plain().values);
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
  return state_->d_inputs[find_port(state_->checked.nodes[static_cast<std::size_t>(state_->node)].inputs, port)].plain();
}

Plain OneNode::d_weight(const std::string& name) const {
  const WeightTable& table = *state_->checked.weights;
  const int w = table.find("node." + name);
  return {table.weights()[static_cast<std::size_t>(w)].shape, table.plain(w, state_->gradient.as<float>())};
}

Node& OneNode::node() { return *state_->checked.nodes[static_cast<std::size_t>(state_->node)].node; }
const NodeType& OneNode::type() const { return *state_->checked.nodes[static_cast<std::size_t>(state_->node)].type; }
std::int64_t OneNode::multiply_adds() const { return state_->checked.nodes[static_cast<std::size_t>(state_->node)].multiply_adds; }
RunInfo& OneNode::run() { return *state_; }
bool OneNode::dropped() const { return state_->dropped_; }

void expect_gradients_match(OneNode& node, GradientCheck bounds) {
  node.forward();
  std::map<std::string, Plain> r;
  std::uint64_t seed = 100;
  for (const Port& p : node.type().outputs)
    if (node.output_spec(p.name).dtype == DType::f32) r[p.name] = gaussian(node.output(p.name).shape, ++seed);
  const auto loss = [&] {
    node.forward();
    double sum = 0;
    for (const auto& [port, weights] : r) {
      const Plain out = node.output(port);
      for (std::size_t i = 0; i < out.values.size(); ++i) sum += static_cast<double>(out.values[i]) * weights.values[i];
    }
    return sum;
  };
  node.backward(r);

  const auto compare = [&](const std::string& what, const Plain& analytic, std::vector<float> values, auto&& set) {
    std::vector<std::size_t> chosen(analytic.values.size());
    for (std::size_t i = 0; i < chosen.size(); ++i) chosen[i] = i;
    const auto key = stream_key(7, what);
    const std::size_t most = std::min(chosen.size(), static_cast<std::size_t>(bounds.most_elements));
    double worst = 0, largest = 0;
    std::string where;
    std::vector<std::tuple<double, double, std::size_t>> pairs;
    for (std::size_t k = 0; k < most; ++k) {
      const auto i = static_cast<std::size_t>(shuffled(k, chosen.size(), 0, key));
      const float before = values[i];
      values[i] = static_cast<float>(before + bounds.h);
      const double up = values[i];
      set(values);
      const double high = loss();
      values[i] = static_cast<float>(before - bounds.h);
      const double down = values[i];
      set(values);
      const double low = loss();
      values[i] = before;
      const double numeric = (high - low) / (up - down);
      pairs.emplace_back(analytic.values[i], numeric, i);
      largest = std::max(largest, std::abs(numeric));
    }
    set(values);
    for (const auto& [a, n, i] : pairs)
      if (!(std::abs(a - n) <= worst)) {
        worst = std::abs(a - n);
        where = fmt::format("element {}: backward says {}, differences say {}", i, a, n);
      }
    EXPECT_LE(worst, bounds.bound * std::max(1.0, largest)) << "gradient of " << what << ", " << where;
  };

  std::map<std::string, Plain> d_inputs, d_weights;
  const auto& c = node.checked();
  for (const CheckedInput& i : c.inputs)
    if (node.wants(i.port)) d_inputs[i.port] = node.d_input(i.port);
  for (const int w : c.weights) {
    const std::string& path = node.run().weights().weights()[static_cast<std::size_t>(w)].path;
    const std::string name = path.substr(path.rfind('.') + 1);
    d_weights[name] = node.d_weight(name);
  }
  EXPECT_FALSE(d_inputs.empty() && d_weights.empty()) << "nothing to compare";
  for (const auto& [port, analytic] : d_inputs)
    compare("input " + port, analytic, node.given(port), [&, port = port](const std::vector<float>& v) { node.set_input(port, v); });
  for (const auto& [name, analytic] : d_weights)
    compare("weight " + name, analytic, node.weight(name).values, [&, name = name](const std::vector<float>& v) { node.set_weight(name, v); });
  node.forward();
}

const CheckedNode& OneNode::checked() const { return state_->checked.nodes[static_cast<std::size_t>(state_->node)]; }
bool OneNode::wants(const std::string& port) const {
  const auto i = find_port(checked().inputs, port);
  const bool passed = std::any_of(checked().passes.begin(), checked().passes.end(), [&](auto& p) { return p.second == static_cast<int>(i); });
  return state_->wants[i] || passed;
}
std::vector<float> OneNode::given(const std::string& port) const {
  for (std::size_t n = 0; n < state_->checked.nodes.size(); ++n)
    if (state_->checked.nodes[n].path == "in_" + port) return state_->outputs[n][0].plain().values;
  throw std::logic_error("no input " + port);
}

std::string refusal(const std::string& yaml, std::map<std::string, Plain> inputs, BenchOptions options, int micro_batch) {
  try {
    OneNode node(yaml, std::move(inputs), std::move(options), micro_batch);
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

}  // namespace dagfusion::tests
