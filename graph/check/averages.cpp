// Calls of a model on averaged weights, in the middle of a training: `{type: model, weights: ema}`.
#include <fmt/format.h>

#include "graph/check/checking.h"
#include "graph/types/value.h"

namespace dagfusion {

namespace {

constexpr const char* kLive = "live";

bool keeps_weights(const Checked& checked, const Named* named) {
  return named && named->node >= 0 &&
         dynamic_cast<const WeightSource*>(checked.nodes[static_cast<std::size_t>(named->node)].node.get());
}

std::string live_or_a_keeper(const Checked& checked, const Scope& scope) {
  std::string names = kLive;
  for (const std::string& name : scope.visible())
    if (keeps_weights(checked, scope.find(name))) names += " or " + name;
  return names;
}

}  // namespace

// The node that keeps the average comes later in the file's order: it is looked up when all are there.
void Checking::read_average(Request& request, const Tree& call, const std::string& owner) {
  const Tree* named = call.find("weights");
  if (!named) return;
  if (!named->is_scalar())
    throw UserError(named->where,
                    fmt::format("{}: 'weights' is {}; it must be live, or the name of the node that averages "
                                "them",
                                owner, described(*named)));
  if (named->text == kLive) return;
  if (!checked.run.training)
    throw UserError(named->where,
                    fmt::format("{}: 'weights' is {}, but nothing is trained here; the section of "
                                "the model says which of a checkpoint's weights to use",
                                owner, named->text));
  request.average = {named->text, named->where};
  averages.emplace(named->text, named->where);
}

void Checking::find_averages(const Scope& scope) {
  for (const auto& [name, where] : averages) {
    const Named* keeper = scope.find(name);
    if (keeper && keeper->broken) continue;
    if (!keeps_weights(checked, keeper)) {
      fault(where, fmt::format("'weights' is {}, {}; it must be {}", name,
                               keeper ? "which keeps no weights" : "which is no node here",
                               live_or_a_keeper(checked, scope)));
      continue;
    }
    for (CheckedNode& node : checked.nodes)
      if (node.averaged_by == name) node.average = keeper->node;
  }
}

}  // namespace dagfusion
