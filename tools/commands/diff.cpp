// run-pipeline diff A B: what differs between two pipelines, with all they extend.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "tools/commands/commands.h"
#include "tools/show/difference.h"
#include "tools/show/trees.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

const char* name_of(Difference::Kind kind) {
  switch (kind) {
    case Difference::Kind::only_before:
      return "only in the first";
    case Difference::Kind::only_now:
      return "only in the second";
    case Difference::Kind::type:
      return "type";
    case Difference::Kind::value:
      return "value";
    case Difference::Kind::wire:
      return "wire";
  }
  return "";
}

void say(const Difference& d) {
  if (d.kind == Difference::Kind::only_before)
    fmt::print("- {}: {}\n", d.path, shortened(d.before, 80));
  else if (d.kind == Difference::Kind::only_now)
    fmt::print("+ {}: {}\n", d.path, shortened(d.now, 80));
  else
    fmt::print("~ {}: {} -> {}\n", d.path, shortened(d.before, 80), shortened(d.now, 80));
}

double multiply_adds(const Checked& checked) {
  double sum = 0;
  for (const CheckedNode& n : checked.nodes)
    sum += static_cast<double>(n.multiply_adds) * (n.loop >= 0 ? checked.loops[n.loop].count : 1);
  return sum / checked.run.micro_batch;
}

// Both, checked; without one whose data are not there, for which `missing` has a reason.
struct Pair {
  std::optional<Checked> before, now;
  std::vector<std::string> missing;

  bool complete() const { return before && now; }
};

std::optional<Checked> check_unless_data_are_missing(const Invocation& pipeline,
                                                     std::vector<std::string>& missing) {
  try {
    return plan_file(pipeline).checked;
  } catch (const UserError& e) {
    if (!e.only_misses_files()) throw;
    missing.emplace_back(e.what());
    return std::nullopt;
  }
}

Pair check_both(const Invocation& before, const Invocation& now) {
  Pair pair;
  pair.before = check_unless_data_are_missing(before, pair.missing);
  pair.now = check_unless_data_are_missing(now, pair.missing);
  return pair;
}

nlohmann::ordered_json as_json(const std::vector<Difference>& found) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Difference& d : found)
    list.push_back({{"path", d.path}, {"what", name_of(d.kind)}, {"before", d.before}, {"now", d.now}});
  return list;
}

void write_json(const std::vector<Difference>& found, const Pair& pair) {
  nlohmann::ordered_json all = {{"differences", as_json(found)}};
  if (pair.complete()) {
    const Checked &a = *pair.before, &b = *pair.now;
    all["nodes"] = as_json(node_differences(a, b));
    all["parameters"] = {a.weights->parameters(), b.weights->parameters()};
    all["multiply_adds"] = {multiply_adds(a), multiply_adds(b)};
  } else {
    all["missing"] = pair.missing;
  }
  fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void say_expanded(const Checked& a, const Checked& b) {
  const std::vector<Difference> nodes = node_differences(a, b);
  if (!nodes.empty()) fmt::print("\nafter expansion:\n");
  for (const Difference& d : nodes) say(d);
}

void say_sizes(const Checked& a, const Checked& b) {
  if (a.weights->parameters() == b.weights->parameters() && multiply_adds(a) == multiply_adds(b)) return;
  fmt::print("\nparameters {} -> {}, multiply-adds an image {:.4g} G -> {:.4g} G\n",
             with_commas(a.weights->parameters()), with_commas(b.weights->parameters()),
             multiply_adds(a) * 1e-9, multiply_adds(b) * 1e-9);
}

}  // namespace

int diff_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline diff"};
  Invocation before, now;
  bool expand = false, json = false;
  std::string first, second;
  arguments.option("before", first, "pipeline file, or the pipeline.yaml of a run").required();
  arguments.option("now", second, "another one").required();
  TypedPlugins plugins;
  declare_plugins(arguments, plugins);
  arguments.flag("--expand", expand, "every node after expansion, too");
  arguments.flag("--json", json, "one object");
  return run_command(arguments, argc, argv, [&]() -> int {
    before = {.file = first, .plugins = plugins};
    now = {.file = second, .plugins = plugins};
    const std::vector<Difference> found = differences(read_file(before), read_file(now));
    const Pair pair = check_both(before, now);
    if (json) {
      write_json(found, pair);
      return kDone;
    }
    for (const Difference& d : found) say(d);
    if (found.empty()) fmt::print("no difference\n");
    if (!pair.complete()) {
      fmt::print("\nsizes are not compared, since something is missing:\n{}\n",
                 fmt::join(pair.missing, "\n"));
      return kDone;
    }
    if (expand) say_expanded(*pair.before, *pair.now);
    say_sizes(*pair.before, *pair.now);
    return kDone;
  });
}

}  // namespace dagfusion
