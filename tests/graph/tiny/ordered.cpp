#include <fmt/format.h>

#include "graph/types/works_ahead.h"
#include "tests/graph/tiny/trouble.h"

namespace dagfusion::tiny {
namespace {

std::string name_of(const Setup& setup) {
  const std::string& owner = setup.parameters().owner();  // "node 'x' (sink)"
  const std::size_t from = owner.find('\'') + 1;
  return owner.substr(from, owner.find('\'', from) - from);
}

// total: y = x + the sum of all that came before, ordered.
class Total final : public Ordered {
 public:
  explicit Total(Setup& setup) : trouble_(setup), x_(setup.input("x")), y_(setup.output("y")) {}
  void run(Call& call) override {
    trouble_.meet(call);
    for (std::int64_t i = 0; i < count_of(x_.spec.shape); ++i)
      call.out<float>(y_)[i] = sum_ = sum_ / 2 + call.in<float>(x_)[i];
  }

 private:
  Trouble trouble_;
  Input x_;
  Output y_;
  float sum_ = 0;
};

// total_ahead: the same, with what it can do before its turn done then.
class TotalAhead final : public Ordered, public WorksAhead {
 public:
  explicit TotalAhead(Setup& setup)
      : trouble_(setup),
        x_(setup.input("x")),
        y_(setup.output("y")),
        tripled_(setup.saved("tripled", x_.spec, Span::forward_to_backward)) {}
  void ahead(Call& call) const override {
    trouble_.meet(call);
    for (std::int64_t i = 0; i < count_of(x_.spec.shape); ++i)
      call.saved<float>(tripled_)[i] = 3 * call.in<float>(x_)[i];
  }
  void run(Call& call) override {
    for (std::int64_t i = 0; i < count_of(x_.spec.shape); ++i)
      call.out<float>(y_)[i] = sum_ = sum_ / 2 + call.saved<float>(tripled_)[i];
  }

 private:
  Trouble trouble_;
  Input x_;
  Output y_;
  Saved tripled_;
  float sum_ = 0;
};

// sink: notes what comes.
class Sink final : public Ordered {
 public:
  explicit Sink(Setup& setup) : trouble_(setup), name_(name_of(setup)), x_(setup.input("x")) {}
  void run(Call& call) override {
    trouble_.meet(call);
    --seen().alive;
    const std::lock_guard lock(seen().mutex);
    seen().positions[name_].push_back(call.position());
    const float* x = call.in<float>(x_);
    seen().values[name_].emplace_back(x, x + count_of(x_.spec.shape) / x_.spec.shape[0] * call.valid());
  }
  void finish(RunInfo& run) override {
    const std::lock_guard lock(seen().mutex);
    seen().finished.push_back(fmt::format("{} in {}", name_, run.directory().filename().string()));
  }

 private:
  Trouble trouble_;
  std::string name_;
  Input x_;
};

// note, look, save: once per step; they write, read and save.
class StepNode final : public Ordered {
 public:
  explicit StepNode(Setup& setup)
      : trouble_(setup), name_(name_of(setup)), inputs_(setup.any_inputs()), y_(setup.output("value")) {}
  void run(Call& call) override {
    trouble_.meet(call);
    if (seen().on_step) seen().on_step(name_, call.step());
    *call.out<float>(y_) = static_cast<float>(call.step());
    const std::lock_guard lock(seen().mutex);
    seen().steps.push_back(fmt::format("{} {}", name_, call.step() + 1));
    std::vector<float> values;
    for (const auto& [name, input] : inputs_) values.push_back(*call.in<float>(input));
    seen().values[name_].push_back(std::move(values));
    seen().positions[name_].push_back(call.run().steps_done());
  }

 private:
  Trouble trouble_;
  std::string name_;
  std::vector<std::pair<std::string, Input>> inputs_;
  Output y_;
};

// take: takes integers once per step, which the checker must not allow.
class Take final : public Ordered {
 public:
  explicit Take(Setup& setup) { setup.input("x"); }
  void run(Call&) override {}
};

// descend_update: w -= rate * dw.
class Update final : public Ordered {
 public:
  explicit Update(Setup& setup)
      : trouble_(setup),
        rate_(setup.real("rate")),
        table_(setup.weight_table()),
        trained_(setup.trained_weights(setup.text("weights"))),
        size_(setup.output("size", {})) {}
  void run(Call& call) override {
    trouble_.meet(call);
    float size = 0;
    for (const int t : trained_) {
      const WeightSpec& spec = table_.weights()[static_cast<std::size_t>(t)];
      for (std::size_t i = spec.offset; i < spec.offset + spec.elements(); ++i) {
        const float d = call.run().gradients()[i];
        size += d * d;
        call.run().values().values()[i] -= static_cast<float>(rate_) * d;
      }
    }
    *call.out<float>(size_) = size;
  }

 private:
  Trouble trouble_;
  double rate_;
  const WeightTable& table_;
  std::vector<int> trained_;
  Output size_;
};

// average: keeps ten times the weights, to be different from the live ones.
class Average final : public Ordered, public WeightSource {
 public:
  explicit Average(Setup& setup) : table_(setup.weight_table()) {}
  void run(Call& call) override {
    if (kept_.values().empty()) kept_ = WeightValues(table_.floats(), table_.packed_bytes());
    for (std::size_t i = 0; i < table_.floats(); ++i)
      kept_.values()[i] = 10 * call.run().values().values()[i];
  }
  WeightValues& weights() override { return kept_; }

 private:
  const WeightTable& table_;
  WeightValues kept_;
};

void expand_descend(Builder& build) {
  std::map<std::string, Setting> settings;
  for (const char* name : {"rate", "weights", "fail_at"}) settings[name] = build.parameters().setting(name);
  build.output("size", build.add("update", "descend_update", {}, settings));
}

std::vector<Parameter> rate_and_weights() {
  return {{.name = "rate", .kind = Kind::real, .doc = "of descent", .standard = 0.125},
          {.name = "weights", .kind = Kind::text, .doc = "which", .standard = std::string("**")}};
}

NodeType step_of(const char* name, Phase phase) {
  return {.name = name,
          .summary = "Notes its step.",
          .role = Role::ordered,
          .rate = Rate::step,
          .phase = phase,
          .inputs = {{kAnyName, "[] f32", "values"}},
          .outputs = {{"value", "[] f32", "the step"}},
          .parameters = with_trouble(),
          .create = make_node<StepNode>};
}

}  // namespace

std::vector<NodeType> ordered_nodes() {
  const Port x{"x", "[N,W] f32", "values"}, y{"y", "[N,W] f32", "values"};
  return {
      {.name = "total",
       .summary = "Adds up.",
       .role = Role::ordered,
       .inputs = {x},
       .outputs = {y},
       .parameters = with_trouble(),
       .create = make_node<Total>},
      {.name = "total_ahead",
       .summary = "Adds up what it has tripled.",
       .role = Role::ordered,
       .inputs = {x},
       .outputs = {y},
       .parameters = with_trouble(),
       .create = make_node<TotalAhead>},
      {.name = "sink",
       .summary = "Notes.",
       .role = Role::ordered,
       .inputs = {{"x", "[N,...] f32", "values"}},
       .parameters = with_trouble(),
       .create = make_node<Sink>},
      {.name = "take",
       .summary = "Takes integers.",
       .role = Role::ordered,
       .rate = Rate::step,
       .inputs = {{"x", "[N] i32", "integers"}},
       .create = make_node<Take>},
      step_of("note", Phase::write),
      step_of("look", Phase::read),
      step_of("save", Phase::save),
      {.name = "descend_update",
       .summary = "Moves weights.",
       .role = Role::ordered,
       .rate = Rate::step,
       .outputs = {{"size", "[] f32", "of the gradient, squared"}},
       .parameters = with_trouble(rate_and_weights()),
       .create = make_node<Update>},
      {.name = "descend",
       .summary = "Descends.",
       .role = Role::composite,
       .rate = Rate::step,
       .outputs = {{"size", "[] f32", "of the gradient, squared"}},
       .parameters = with_trouble(rate_and_weights()),
       .minimizes = true,
       .expand = expand_descend},
      {.name = "average",
       .summary = "Keeps weights.",
       .role = Role::ordered,
       .rate = Rate::step,
       .create = make_node<Average>},
  };
}

}  // namespace dagfusion::tiny
