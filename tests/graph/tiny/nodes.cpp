#include "tests/graph/tiny/nodes.h"

#include <fmt/format.h>

#include "tests/graph/tiny/trouble.h"

namespace dagfusion::tiny {

Seen& seen() {
  static Seen all;
  return all;
}

void Seen::clear() {
  const std::lock_guard lock(mutex);
  positions.clear();
  values.clear();
  steps.clear();
  finished.clear();
  alive = most_alive = 0;
  on_step = {};
}

const Catalog& catalog() {
  static const Catalog all = [] {
    Catalog made;
    for (const auto& types : {plain_maps(), differentiable_maps(), ordered_nodes()})
      made.nodes.insert(made.nodes.end(), types.begin(), types.end());
    return made;
  }();
  return all;
}

Checked check_text(const std::string& yaml, CheckOptions options) {
  Tree tree = parse_document(yaml, "test.yaml");
  substitute_variables(tree);
  return check(tree, catalog(), options);
}

Planned plan_text(const std::string& yaml, CheckOptions options) {
  return plan(check_text(yaml, std::move(options)));
}

std::string faults_of(const std::string& yaml, CheckOptions options) {
  try {
    plan_text(yaml, std::move(options));
    return "";
  } catch (const UserError& e) {
    std::string text;
    for (const Fault& f : e.faults())
      text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", to_string(f.where), f.message);
    return text;
  }
}

Outcome run_planned(Planned planned, RunOptions options) {
  Outcome outcome;
  Run run(std::move(planned), std::move(options));
  try {
    outcome.report = run.run();
  } catch (const RunError& e) {
    outcome.error = e.what();
  }
  const std::span<const float> values = run.info().values().values();
  outcome.weights.assign(values.begin(), values.end());
  return outcome;
}

Outcome run_text(const std::string& yaml, RunOptions options) {
  seen().clear();
  return run_planned(plan_text(yaml), std::move(options));
}

}  // namespace dagfusion::tiny
