#include "tools/exchange/planned_network.h"

#include <fmt/format.h>

#include "graph/plan/micro_batch.h"
#include "nodes/catalog.h"

namespace dagfusion {

Planned planned_network(const ModelSource& source) {
  const auto key = [&](const char* name) {
    const Tree* value = source.model.is_map() ? source.model.find(name) : nullptr;
    return value && value->text != "0" ? value->text : "";
  };
  std::string nodes = fmt::format(
      "  number: {{type: image_numbers, count: 1}}\n"
      "  {}: {{type: prior_noise, in: number}}\n"
      "  {}: {{type: uniform_timesteps, in: {}}}\n",
      kNetworkImages, kNetworkTimes, kNetworkImages);
  std::string wires = fmt::format("x: {}, t: {}", kNetworkImages, kNetworkTimes);
  if (!key("classes").empty()) {
    nodes += fmt::format("  {}: {{type: labels, in: number, list: [0]}}\n", kNetworkLabels);
    wires += fmt::format(", label: {}", kNetworkLabels);
  }
  if (const std::string length = key("augment"); !length.empty()) {  // any node that gives so many numbers
    nodes += fmt::format("  {}: {{type: fourier_features, in: {}, dim: {}}}\n", kNetworkAugment,
                         kNetworkTimes, length);
    wires += fmt::format(", augment: {}", kNetworkAugment);
  }
  const Tree file = parse_document(fmt::format("run: {{micro_batch: 1}}\nmodel: {{from: the "
                                               "network}}\nnodes:\n{}  {}: {{type: model, in: {{{}}}}}\n",
                                               nodes, kNetworkCall, wires),
                                   "network");
  return check_and_plan(
      file, catalog(),
      {.open_model = [&](const std::string&, const std::string&, const Position&) { return source; }});
}

}  // namespace dagfusion
