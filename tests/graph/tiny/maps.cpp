#include <fmt/format.h>

#include "tests/graph/tiny/trouble.h"

namespace dagfusion::tiny {
namespace {

// numbers: x[n,w] = number of the sample + w/8.
class Numbers final : public DataSet {
 public:
  explicit Numbers(Setup& setup)
      : trouble_(setup),
        size_(setup.integer("size")),
        x_(setup.output("x", {setup.run().micro_batch, setup.integer("width")})) {}
  std::optional<std::int64_t> size() const override {
    return size_ > 0 ? std::optional(size_) : std::nullopt;
  }
  std::string fingerprint() const override { return fmt::format("{} numbers", size_); }
  void forward(Call& call) const override {
    const int alive = ++seen().alive;
    int most = seen().most_alive;
    while (alive > most && !seen().most_alive.compare_exchange_weak(most, alive)) continue;
    trouble_.meet(call);
    const std::int64_t width = x_.spec.shape[1];
    for (int n = 0; n < x_.spec.shape[0]; ++n)
      for (int w = 0; w < width; ++w)
        call.out<float>(x_)[n * width + w] = static_cast<float>(call.sample(n)) + static_cast<float>(w) / 8;
  }

 private:
  Trouble trouble_;
  std::int64_t size_;
  Output x_;
};

// sum: y = sum over the inputs, in the order of their names, of input / 2 (kept small); d(input) = dy / 2.
class Sum final : public Map {
 public:
  explicit Sum(Setup& setup)
      : trouble_(setup), inputs_(setup.any_inputs()), y_(setup.output("y", inputs_[0].second.spec.shape)) {}
  void forward(Call& call) const override {
    trouble_.meet(call);
    for (std::int64_t i = 0; i < count_of(y_.spec.shape); ++i) {
      float sum = 0;
      for (const auto& [name, x] : inputs_) sum = sum / 3 + call.in<float>(x)[i] / 2;
      call.out<float>(y_)[i] = sum;
    }
  }

 private:
  Trouble trouble_;
  std::vector<std::pair<std::string, Input>> inputs_;
  Output y_;
};

// flaky: y = x, but drops the frame in which the image `drop_at` lies.
class Flaky final : public Map {
 public:
  explicit Flaky(Setup& setup)
      : every_(setup.integer("drop_every")), x_(setup.input("x")), y_(setup.output("y")) {}
  void forward(Call& call) const override {
    if (call.position() % every_ == 0) return call.drop("unlucky");
    std::copy_n(call.in<float>(x_), count_of(x_.spec.shape), call.out<float>(y_));
  }

 private:
  std::int64_t every_;
  Input x_;
  Output y_;
};

// half: has no backward.
class Half final : public Map {
 public:
  explicit Half(Setup& setup) : x_(setup.input("x")), y_(setup.output("y")) {}
  void forward(Call& call) const override {
    for (std::int64_t i = 0; i < count_of(x_.spec.shape); ++i)
      call.out<float>(y_)[i] = call.in<float>(x_)[i] / 2;
  }

 private:
  Input x_;
  Output y_;
};

// integers: i32 and pixels, to be wired wrongly.
class Integers final : public Map {
 public:
  explicit Integers(Setup& setup)
      : y_(setup.output("y", {setup.run().micro_batch})), z_(setup.output("z", {setup.run().micro_batch})) {}
  void forward(Call& call) const override {
    std::fill_n(call.out<std::int32_t>(y_), y_.spec.shape[0], 1);
    std::fill_n(call.out<std::uint8_t>(z_), z_.spec.shape[0], std::uint8_t{1});
  }

 private:
  Output y_, z_;
};

// count: the times of a loop, and their index.
class Count final : public Times {
 public:
  explicit Count(Setup& setup)
      : trouble_(setup),
        count_(static_cast<int>(setup.integer("steps"))),
        index_(setup.output("index", {})) {}
  int count() const override { return count_; }
  void forward(Call& call) const override {
    trouble_.meet(call);
    *call.out<float>(index_) = static_cast<float>(call.iteration());
  }

 private:
  Trouble trouble_;
  int count_;
  Output index_;
};

// shift: y = x + by.
class Shift final : public Map {
 public:
  explicit Shift(Setup& setup)
      : trouble_(setup), x_(setup.input("x")), by_(setup.input("by")), y_(setup.output("y")) {}
  void forward(Call& call) const override {
    trouble_.meet(call);
    for (std::int64_t i = 0; i < count_of(x_.spec.shape); ++i)
      call.out<float>(y_)[i] = call.in<float>(x_)[i] + *call.in<float>(by_);
  }

 private:
  Trouble trouble_;
  Input x_, by_;
  Output y_;
};

// to_numbers: y = z.
class ToNumbers final : public Map {
 public:
  explicit ToNumbers(Setup& setup) : z_(setup.input("z")), y_(setup.output("y")) {}
  void forward(Call& call) const override {
    for (std::int64_t i = 0; i < count_of(z_.spec.shape); ++i)
      call.out<float>(y_)[i] = call.in<std::uint8_t>(z_)[i];
  }

 private:
  Input z_;
  Output y_;
};

// chain: `layers` times scale, one after the other; a model.
void expand_chain(Builder& build) {
  Wire x = build.input("x");
  for (std::int64_t i = 0; i < build.parameters().integer("layers"); ++i)
    x = build.add(fmt::format("layer{}", i), "scale", {{"x", x}});
  build.output("y", x);
}

NodeType map_of(const char* name, std::vector<Port> inputs, std::vector<Port> outputs, Create create) {
  return {.name = name,
          .summary = "A map.",
          .inputs = std::move(inputs),
          .outputs = std::move(outputs),
          .parameters = with_trouble(),
          .create = std::move(create)};
}

}  // namespace

std::vector<NodeType> plain_maps() {
  const Port x{"x", "[N,W] f32", "values"}, y{"y", "[N,W] f32", "values"};
  const Parameter size{
      .name = "size", .doc = "samples, 0 = endless", .standard = std::int64_t{0}, .minimum = 0};
  const Parameter width{
      .name = "width", .doc = "values a sample", .standard = std::int64_t{4}, .minimum = 1, .maximum = 4096};
  const Parameter layers{
      .name = "layers", .doc = "how many", .standard = std::int64_t{2}, .minimum = 1, .maximum = 64};
  const Parameter steps{.name = "steps", .doc = "iterations", .standard = std::int64_t{3}, .minimum = 1};
  const Parameter drop{.name = "drop_every", .doc = "images", .standard = std::int64_t{3}, .minimum = 1};
  const Parameter shuffle{
      .name = "shuffle", .kind = Kind::boolean, .doc = "in a new order each epoch", .standard = false};
  return {
      {.name = "numbers",
       .summary = "Counts.",
       .role = Role::data_set,
       .outputs = {x},
       .parameters = with_trouble({size, width, shuffle}),
       .shuffled_by = "shuffle",
       .create = make_node<Numbers>},
      map_of("sum", {{kAnyName, "[N,W] f32", "terms"}}, {y}, make_node<Sum>),
      map_of("half", {x}, {y}, make_node<Half>),
      map_of("shift", {x, {"by", "[] f32", "how far"}}, {y}, make_node<Shift>),
      map_of("integers", {}, {{"y", "[N] i32", "ones"}, {"z", "[N] u8", "ones"}}, make_node<Integers>),
      {.name = "flaky",
       .summary = "Drops.",
       .inputs = {x},
       .outputs = {y},
       .parameters = {drop},
       .create = make_node<Flaky>},
      {.name = "stop",
       .summary = "Stops gradients.",
       .inputs = {x},
       .outputs = {y},
       .parameters = with_trouble(),
       .stops_gradient = true,
       .create = make_node<Half>},
      {.name = "count",
       .summary = "Counts iterations.",
       .outputs = {{"index", "[] f32", "from 0"}},
       .parameters = with_trouble({steps}),
       .counts_iterations = true,
       .create = make_node<Count>},
      {.name = "chain",
       .summary = "A model.",
       .role = Role::composite,
       .inputs = {x},
       .outputs = {y},
       .parameters = {layers},
       .expand = expand_chain},
      map_of("to_numbers", {{"z", "[N,...] u8", "bytes"}}, {{"y", "[N,...] f32", "numbers"}},
             make_node<ToNumbers>),
  };
}

}  // namespace dagfusion::tiny
