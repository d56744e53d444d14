#include "tools/report/run_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "graph/version.h"
#include "nodes/diffusion/noise_process.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/files/durable.h"
#include "nodes/files/previews.h"
#include "tools/report/csv_table.h"
#include "tools/report/curves_data.h"
#include "tools/report/graph_data.h"
#include "tools/report/json_numbers.h"
#include "tools/report/measures_data.h"
#include "tools/report/pictures.h"
#include "tools/report/run_facts.h"
#include "tools/report/task_times.h"
#include "tools/show/noise_curves.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

const Tree* node_of(const Tree& pipeline, const std::string& name) {
  const Tree* nodes = pipeline.find("nodes");
  return nodes && nodes->is_map() ? nodes->find(name) : nullptr;
}

bool has_type(const Tree* node, const char* name) {
  const Tree* type = node && node->is_map() ? node->find("type") : nullptr;
  return type && type->text == name;
}

// Columns that come from one loss_by_time share a chart: [{title, columns}].
Json groups_of(const Tree& pipeline) {
  std::map<std::string, Json> by_source;
  const Tree* nodes = pipeline.find("nodes");
  if (nodes && nodes->is_map())
    for (const Entry& log : nodes->entries) {
      const Tree* in = has_type(&log.value, "metrics_log") ? log.value.find("in") : nullptr;
      if (!in || !in->is_map()) continue;
      for (const Entry& wire : in->entries) {
        const std::string source = wire.value.text.substr(0, wire.value.text.find('.'));
        if (has_type(node_of(pipeline, source), "loss_by_time")) by_source[source].push_back(wire.key);
      }
    }
  Json groups = Json::array();
  for (auto& [source, columns] : by_source)
    groups.push_back({{"title", "loss by time: from little noise to much"}, {"columns", columns}});
  return groups;
}

Json noise_of(const NoiseProcess& process) {
  constexpr int kTimes = 200;
  Json noise = {
      {"what", fmt::format("process {}, prediction {}", process.name(),
                           prediction_names()[static_cast<std::size_t>(process.prediction().what)])}};
  std::vector<double> t, alpha, sigma, beta, snr, weight;
  for (const NoiseAt& at : noise_at_times(process, kTimes)) {
    t.push_back(rounded_for_a_page(at.t));
    alpha.push_back(rounded_for_a_page(at.alpha));
    sigma.push_back(rounded_for_a_page(at.sigma));
    beta.push_back(rounded_for_a_page(at.beta));
    snr.push_back(rounded_for_a_page(at.snr));
    weight.push_back(rounded_for_a_page(at.clean_weight));
  }
  noise["t"] = json_numbers(t);
  noise["alpha"] = json_numbers(alpha);
  noise["sigma"] = json_numbers(sigma);
  noise["beta"] = json_numbers(beta);
  noise["snr"] = json_numbers(snr);
  noise["clean_weight"] = json_numbers(weight);
  return noise;
}

Json machine_of(const fs::path& run, Json& notes) {
  Json machine = Json::object();
  std::error_code ignored;
  if (!fs::exists(run / "machine.json", ignored)) return machine;
  const Json read = Json::parse(read_text(run / "machine.json"), nullptr, false);
  if (!read.is_object()) {
    notes.push_back("machine.json is no JSON");
    return machine;
  }
  for (const auto& [name, value] : read.items())
    if (name != "process" && (value.is_string() || value.is_number()))
      machine[name] = value.is_string() ? value : Json(value.dump());
  return machine;
}

// "0.10.2" -> 0, 10, 2
std::vector<int> parts_of(const std::string& version) {
  std::vector<int> parts;
  for (std::size_t at = 0; at < version.size(); at = std::min(version.find('.', at), version.size() - 1) + 1)
    parts.push_back(std::atoi(version.c_str() + at));
  return parts;
}

void note_future_version(const Json& machine, Json& notes) {
  const auto version = machine.find("dagfusion");
  if (version == machine.end() || !version->is_string()) return;
  if (parts_of(version->get<std::string>()) > parts_of(DAGFUSION_VERSION))
    notes.push_back(
        fmt::format("written by Dagfusion {}, and this is {}: what it does not know is not on this page",
                    version->get<std::string>(), DAGFUSION_VERSION));
}

Json times_of(const fs::path& run) {
  Json times = Json::array();
  for (const TypeTime& t : times_by_type(read_task_times(run)))
    if (t.seconds > 0)
      times.push_back({{"type", t.type}, {"calls", t.calls}, {"seconds", t.seconds}, {"waited", t.waited}});
  return times;
}

// Rows that are not whole: the first few by name.
void note_left_out(const std::vector<std::string>& left_out, Json& notes) {
  constexpr std::size_t kMostNamed = 3;
  for (std::size_t i = 0; i < std::min(left_out.size(), kMostNamed); ++i) notes.push_back(left_out[i]);
  if (left_out.size() > kMostNamed)
    notes.push_back(fmt::format("and {} rows more", left_out.size() - kMostNamed));
}

CsvTable read_log(const fs::path& run, const std::string& log, bool running, Json& notes) {
  std::error_code ignored;
  if (log.empty() || !fs::exists(run / log, ignored)) {
    notes.push_back(log.empty() ? "the pipeline has no metrics_log, so there are no curves"
                                : fmt::format("there is no {} yet, so there are no curves", log));
    return {};
  }
  CsvTable table = read_csv(run / log, "step");
  if (!running) note_left_out(table.left_out, notes);  // while it runs, the last line may be on its way
  return table;
}

}  // namespace

Json run_data(const fs::path& run, const PipelineView& view, const RunDataOptions& options) {
  const RunFacts facts = read_run_facts(run, view.over);
  const Tree pipeline = read_document(run / kPipeline);
  Json made = {{"name", run.string()}, {"state", name_of(facts.status)}};
  Json notes = Json::array(), hints = Json::array();
  made["steps"] = facts.steps;
  made["all_steps"] = facts.all_steps;
  made["seconds"] = facts.seconds;
  made["bytes"] = facts.bytes;
  made["rate"] = facts.seconds > 0 ? Json(static_cast<double>(facts.images) / facts.seconds) : Json();
  made["begin"] = {{"step", 0}, {"images", 0}, {"seconds", 0}};
  const std::string log = log_file_of(pipeline);
  if (facts.all_steps > 0) {
    add_curves(read_log(run, log, facts.status == RunStatus::running, notes), options, made);
    if (!made["curves"].empty() && !made["curves"].contains("learning_rate"))
      hints.push_back(
          "The learning rate is not logged: learning_rate: adam.learning_rate among the inputs of the log "
          "adds it.");
  } else {
    add_curves({}, options, made);
  }
  made["groups"] = groups_of(pipeline);
  made["pictures"] = Json::array();
  made["pictures_left_out"] = add_pictures(run, options.most_picture_bytes, made["pictures"]).left_out;
  made["measures"] = measures_of(run, log, facts.steps);
  if (const auto* process = dynamic_cast<const NoiseProcess*>(view.noise.get()))
    made["noise"] = noise_of(*process);
  if (!view.missing.empty()) notes.push_back(view.missing);
  if (view.planned) made["graph"] = graph_data(*view.planned, pipeline, read_task_times(run));
  made["times"] = times_of(run);
  made["machine"] = machine_of(run, notes);
  note_future_version(made["machine"], notes);
  made["yaml"] = read_text(run / kPipeline);
  made["notes"] = notes;
  made["hints"] = hints;
  return made;
}

}  // namespace dagfusion
