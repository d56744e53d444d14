// Nodes that run once per step, on a bench: made from YAML text, with weights, gradients and a run directory.
#pragma once

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "graph/pattern.h"
#include "nodes/catalog.h"
#include "tests/scratch_folder.h"

namespace dagfusion::tests {

inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// A model of two weights, "model/a" [2,3] stored with its rows filled up to 4 floats, and "model/b" [5],
// which has a packed copy of twice its values.
class BenchRun final : public RunInfo {
 public:
  explicit BenchRun(std::filesystem::path where = "") : directory_(std::move(where)) {
    table.add(
        WeightSpec{.path = "model/a", .shape = {2, 3}, .layout = {"rows of 4", 8, store_rows, load_rows}});
    const int b = table.add(WeightSpec{.path = "model/b", .shape = {5}});
    table.add(PackedSpec{.weight = b, .key = "twice", .bytes = 5 * sizeof(float), .pack = pack_twice});
    live = WeightValues(table.floats(), table.packed_bytes());
    sums = Buffer(table.floats() * sizeof(float));
  }

  void set(const std::string& weight, const std::vector<float>& plain) {
    table.set_plain(table.find(weight), plain, live.values());
  }
  void set_gradient(const std::string& weight, const std::vector<float>& plain) {
    table.set_plain(table.find(weight), plain, gradients());
  }
  std::vector<float> get(const std::string& weight) const {
    return table.plain(table.find(weight), live.values());
  }
  std::vector<float> packed_b() const { return packed_b(live); }
  static std::vector<float> packed_b(const WeightValues& values) {
    const auto* begin = reinterpret_cast<const float*>(values.packed());
    return {begin, begin + 5};
  }

  std::filesystem::path directory() const override { return directory_; }
  std::filesystem::path resolve(const std::string& path) const override { return directory_ / path; }
  std::uint64_t seed() const override { return 1; }
  std::int64_t steps_done() const override { return done; }
  std::int64_t first_step() const override { return first; }
  const WeightTable& weights() const override { return table; }
  WeightValues& values() override { return live; }
  std::span<float> gradients() override { return sums.as<float>(); }
  std::string resolved_yaml() const override { return yaml; }
  std::string state_json() const override {
    return R"({"step":)" + std::to_string(done) +
           R"(,"seed":7,"micro_batch":2,"precision":"float32","instruction_set":"avx2","data":"drawn","model_input":[3,8,8]})";
  }
  std::vector<Stateful> stateful() const override { return nodes; }
  void told(const std::string& line) override { lines.push_back(line); }

  WeightTable table;
  WeightValues live;
  Buffer sums;
  std::int64_t first = 0, done = 0;
  std::string yaml = "run: {seed: 7}\n";
  std::vector<Stateful> nodes;
  std::vector<std::string> lines;

 private:
  static void store_rows(const float* plain, float* stored) {
    for (int i = 0; i < 6; ++i) stored[i / 3 * 4 + i % 3] = plain[i];
  }
  static void load_rows(const float* stored, float* plain) {
    for (int i = 0; i < 6; ++i) plain[i] = stored[i / 3 * 4 + i % 3];
  }
  static void pack_twice(const float* stored, std::byte* packed) {
    for (int i = 0; i < 5; ++i) reinterpret_cast<float*>(packed)[i] = 2 * stored[i];
  }
  std::filesystem::path directory_;
};

// What a node on the bench is wired to.
struct Wiring {
  std::vector<std::pair<std::string, float>> inputs;
  std::vector<std::string> output_names;
  std::map<std::string, float> outputs;
  std::string stale = {};  // an input that comes in other steps

  int index_of(std::string_view port) const {
    const auto is_it = [&](const auto& input) { return input.first == port; };
    const auto found = std::find_if(inputs.begin(), inputs.end(), is_it);
    return found == inputs.end() ? -1 : static_cast<int>(found - inputs.begin());
  }
};

class BenchSetup final : public Setup {
 public:
  BenchSetup(const WeightTable& table, Parameters parameters, Wiring& wiring)
      : table_(table), parameters_(std::move(parameters)), wiring_(wiring) {
    settings_.batch_size = 4;
    settings_.training = true;
  }
  const Parameters& parameters() const override { return parameters_; }
  const RunSettings& run() const override { return settings_; }
  Input input(std::string_view port) override { return {wiring_.index_of(port), {}}; }
  std::vector<std::pair<std::string, Input>> any_inputs() override {
    std::vector<std::pair<std::string, Input>> all;
    for (const auto& [port, value] : wiring_.inputs) all.push_back({port, input(port)});
    return all;
  }
  Output output(std::string_view port) override {
    wiring_.output_names.emplace_back(port);
    return {static_cast<int>(wiring_.output_names.size()) - 1, {}};
  }
  Output output(std::string_view port, Shape) override { return output(port); }
  Output output(std::string_view port, Shape, DType) override { return output(port); }
  Saved saved(std::string_view, TensorSpec, Span) override { return {}; }
  void backward_reads(const Input&) override {}
  void backward_reads(const Output&) override {}
  void accumulate_reads(const Input&) override {}
  void passes_gradient(const Output&, const Input&) override {}
  Weight weight(std::string_view, Shape, Init, StoredLayout) override { return {}; }
  Packed packed(const Weight&, std::string, std::size_t,
                std::function<void(const float*, std::byte*)>) override {
    return {};
  }
  void multiply_adds(std::int64_t) override {}
  Shape model_input() override { return {3, 8, 8}; }
  std::vector<int> trained_weights(const std::string& pattern) override {
    std::vector<int> found;
    for (int w = 0; w < static_cast<int>(table_.weights().size()); ++w) {
      if (matches(pattern, table_.weights()[static_cast<std::size_t>(w)].path)) found.push_back(w);
    }
    return found;
  }
  const WeightTable& weight_table() const override { return table_; }
  std::filesystem::path readable(std::string_view parameter) override { return text(parameter); }
  void note_at(std::string_view, const std::string&) override {}
  [[noreturn]] void fail_at_input(std::string_view, const std::string& message) const override {
    parameters_.fail(message);
  }

 private:
  const Resource& resource_of(const std::string&) override { throw std::logic_error("no sections here"); }

  const WeightTable& table_;
  Parameters parameters_;
  RunSettings settings_;
  Wiring& wiring_;
};

class BenchCall final : public Call {
 public:
  BenchCall(BenchRun& run, Wiring& wiring, std::int64_t step) : run_(run), wiring_(wiring), step_(step) {}
  bool fresh(const Input& i) const override { return wiring_.inputs[i.index].first != wiring_.stale; }
  const std::vector<Image>& images(const Input&) const override { throw std::logic_error("no images"); }
  std::vector<Image>& images(const Output&) const override { throw std::logic_error("no images"); }
  const float* weight(const Weight&) const override { return nullptr; }
  const std::byte* packed(const Packed&) const override { return nullptr; }
  const void* d(const Output&) const override { return nullptr; }
  void* d(const Input&) const override { return nullptr; }
  float* d(const Weight&) const override { return nullptr; }
  bool first_of_step() const override { return true; }
  std::int64_t position() const override { return step_ * 4; }
  int valid() const override { return 1; }
  std::int64_t step() const override { return step_; }
  int iteration() const override { return 0; }
  RandomStream random(int) const override { return {}; }
  std::int64_t sample(int) const override { return 0; }
  std::byte* scratch() const override { return nullptr; }
  void drop(const std::string&) const override {}
  RunInfo& run() const override { return run_; }

 private:
  const void* input(int i) const override { return &wiring_.inputs.at(static_cast<std::size_t>(i)).second; }
  void* output(int i) const override {
    return &wiring_.outputs[wiring_.output_names.at(static_cast<std::size_t>(i))];
  }
  void* saved_slot(int) const override { return nullptr; }

  BenchRun& run_;
  Wiring& wiring_;
  std::int64_t step_;
};

// "{type: clip_gradients, clip_norm: 1}", with its scalar inputs. It is called "node" and lies in
// "test.yaml". Steps have batches of 4 images.
class StepNode {
 public:
  StepNode(BenchRun& run, const std::string& yaml, std::vector<std::pair<std::string, float>> inputs = {})
      : run_(run) {
    const Tree tree = parse_document(yaml, "test.yaml");
    const std::string name = tree.find("type")->text;
    const Catalog types{.nodes = {clip_gradients(), adam_update(), pack_weights(), weight_average(),
                                  metrics_log(), checkpoint()}};
    const NodeType* type = types.find(name);
    std::vector<Fault> faults;
    Parameters parameters =
        Parameters::read(tree, type->parameters, {"type"}, "node 'node' (" + name + ")", faults);
    if (!faults.empty()) throw UserError(faults);
    wiring_.inputs = std::move(inputs);
    BenchSetup setup(run.table, std::move(parameters), wiring_);
    node_ = type->create(setup);
    Preparation preparation;
    node_->prepare(preparation);
  }

  void set(const std::string& port, float value) {
    wiring_.inputs.at(static_cast<std::size_t>(wiring_.index_of(port))).second = value;
  }
  void comes_in_other_steps(const std::string& port) { wiring_.stale = port; }  // "": none does
  // The step with number `step`, from 1.
  void run(std::int64_t step) {
    run_.done = step;
    BenchCall call(run_, wiring_, step - 1);
    ordered().run(call);
  }
  float output(const std::string& port) const { return wiring_.outputs.at(port); }
  Ordered& ordered() { return dynamic_cast<Ordered&>(*node_); }
  WeightSource& source() { return dynamic_cast<WeightSource&>(*node_); }
  // Its f32 values by name.
  std::map<std::string, std::vector<float>> state() {
    std::map<std::string, std::vector<float>> values;
    for (const StateTensor& tensor : ordered().state()) {
      if (tensor.dtype != DType::f32) continue;
      values[tensor.name].resize(static_cast<std::size_t>(count_of(tensor.shape)));
      tensor.save(reinterpret_cast<std::byte*>(values[tensor.name].data()));
    }
    return values;
  }

 private:
  BenchRun& run_;
  Wiring wiring_;
  std::unique_ptr<Node> node_;
};

// What F throws, as text; "" when it throws nothing.
template <class F>
std::string thrown(const F& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace dagfusion::tests
