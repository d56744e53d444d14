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
#include "tools/report/buckets.h"
#include "tools/report/csv_table.h"
#include "tools/report/graph_data.h"
#include "tools/report/pictures.h"
#include "tools/report/run_facts.h"
#include "tools/report/task_times.h"
#include "tools/show/noise_curves.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

// A mean of many values, in as many digits as can be seen.
double rounded(double value) {
  return std::isfinite(value) ? std::stod(fmt::format("{:.6g}", value)) : value;
}

Json list_of(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(number(value));
  return list;
}

// The log of a run, cut into buckets.
class Curves {
 public:
  Curves(CsvTable table, const RunDataOptions& options)
      : table_(std::move(table)), buckets_(buckets_of(table_.rows(), most_points(options))) {}

  void write(Json& run) const {
    run["at"] = places();
    Json curves = Json::object(), extremes = Json::object(), last = Json::object();
    for (std::size_t c = 0; c < table_.columns.size(); ++c) {
      const std::string& name = table_.columns[c];
      if (is_place(name)) continue;
      curves[name] = curve(table_.values[c]);
      extremes[name] = extremes_of(table_.values[c]);
      last[name] = extremes[name]["last"];
    }
    if (const Json rate = rates(); !rate.is_null()) curves["images_per_second"] = {{"mean", rate}};
    run["curves"] = curves;
    run["extremes"] = extremes;
    run["last"] = last;
  }

 private:
  static bool is_place(const std::string& name) {
    return name == "step" || name == "images" || name == "seconds";
  }
  // Each point of a column is a mean, the least and the largest value.
  std::size_t most_points(const RunDataOptions& options) const {
    constexpr std::size_t kNumbersOfAPoint = 3, kLeast = 50;
    const std::size_t columns = std::max<std::size_t>(1, table_.columns.size());
    return std::min(options.most_points, std::max(kLeast, options.most_numbers / kNumbersOfAPoint / columns));
  }
  bool thinned() const { return buckets_ < table_.rows(); }

  // Where a bucket ends.
  Json places() const {
    Json at = {{"step", Json::array()}};
    for (const char* name : {"step", "images", "seconds"})
      if (const auto column = table_.find(name)) {
        std::vector<double> ends;
        for (std::size_t b = 0; b < buckets_; ++b) ends.push_back(at_end(*column, b));
        at[name] = list_of(ends);
      }
    return at;
  }

  double at_end(std::size_t column, std::size_t bucket) const {
    return table_.values[column][end_of_bucket(bucket, buckets_, table_.rows()) - 1];
  }

  Json curve(const std::vector<double>& values) const {
    Bucketed of = in_buckets(values, buckets_);
    if (!thinned()) return {{"mean", list_of(of.mean)}};
    for (double& mean : of.mean) mean = rounded(mean);
    return {{"mean", list_of(of.mean)}, {"min", list_of(of.least)}, {"max", list_of(of.most)}};
  }

  Json extremes_of(const std::vector<double>& values) const {
    const auto step = table_.find("step");
    std::optional<std::size_t> last, least, most;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) continue;
      last = i;
      if (!least || values[i] < values[*least]) least = i;
      if (!most || values[i] > values[*most]) most = i;
    }
    if (!last) return {{"last", Json()}};
    const auto step_at = [&](std::size_t i) { return step ? number(table_.values[*step][i]) : Json(); };
    return {{"last", values[*last]},
            {"least", values[*least]},
            {"least_step", step_at(*least)},
            {"most", values[*most]},
            {"most_step", step_at(*most)}};
  }

  // Images a second from the end of one bucket to the end of the next.
  Json rates() const {
    const auto images = table_.find("images"), seconds = table_.find("seconds");
    if (!images || !seconds || buckets_ == 0) return {};
    std::vector<double> rates;
    double done = 0, since = 0;
    for (std::size_t b = 0; b < buckets_; ++b) {
      const double now = at_end(*images, b), time = at_end(*seconds, b);
      rates.push_back(time > since ? rounded((now - done) / (time - since))
                                   : std::numeric_limits<double>::quiet_NaN());
      done = now, since = time;
    }
    return list_of(rates);
  }

  const CsvTable table_;
  const std::size_t buckets_;
};

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

// [{name, step: [...], columns: {name: [...]}}]: the last row of each file of numbers beside the previews, and of those in
// the run itself.
Json measures_of(const fs::path& run, const std::string& log, std::int64_t steps) {
  std::map<std::string, std::vector<std::pair<std::int64_t, CsvTable>>> by_name;
  const auto take = [&](const fs::path& directory, std::int64_t step) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(directory, none)) {
      const std::string name = entry.path().filename().string();
      if (entry.path().extension() != ".csv" || name == "times.csv" || name == log) continue;
      CsvTable table = read_csv(entry.path());
      if (table.rows() > 0 && !table.find("seconds")) by_name[name].emplace_back(step, std::move(table));
    }
  };
  auto previews = steps_below(run / kPreviews);
  std::reverse(previews.begin(), previews.end());
  for (const auto& [step, directory] : previews) take(directory, step);
  take(run, steps);
  Json measures = Json::array();
  for (const auto& [name, files] : by_name) {
    Json made = {{"name", name}, {"step", Json::array()}, {"columns", Json::object()}};
    for (const auto& [step, table] : files) made["step"].push_back(step);
    for (const std::string& column : files.back().second.columns) {
      if (column == "step") continue;  // which is that of the preview
      Json values = Json::array();
      bool any = false;
      for (const auto& [step, table] : files) {
        const auto found = table.find(column);
        values.push_back(found ? number(table.values[*found].back()) : Json());
        any = any || !values.back().is_null();
      }
      if (any) made["columns"][column] = values;
    }
    if (!made["columns"].empty()) measures.push_back(made);
  }
  return measures;
}

Json noise_of(const NoiseProcess& process) {
  constexpr int kTimes = 200;
  Json noise = {
      {"what", fmt::format("process {}, prediction {}", process.name(),
                           prediction_names()[static_cast<std::size_t>(process.prediction().what)])}};
  std::vector<double> t, alpha, sigma, beta, snr, weight;
  for (const NoiseAt& at : noise_at_times(process, kTimes)) {
    t.push_back(rounded(at.t));
    alpha.push_back(rounded(at.alpha));
    sigma.push_back(rounded(at.sigma));
    beta.push_back(rounded(at.beta));
    snr.push_back(rounded(at.snr));
    weight.push_back(rounded(at.clean_weight));
  }
  noise["t"] = list_of(t);
  noise["alpha"] = list_of(alpha);
  noise["sigma"] = list_of(sigma);
  noise["beta"] = list_of(beta);
  noise["snr"] = list_of(snr);
  noise["clean_weight"] = list_of(weight);
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
    Curves(read_log(run, log, facts.status == RunStatus::running, notes), options).write(made);
    if (!made["curves"].empty() && !made["curves"].contains("learning_rate"))
      hints.push_back(
          "The learning rate is not logged: learning_rate: adam.learning_rate among the inputs of the log "
          "adds it.");
  } else {
    Curves({}, options).write(made);
  }
  made["groups"] = groups_of(pipeline);
  made["pictures"] = Json::array();
  made["pictures_left_out"] = add_pictures(run, options.most_picture_bytes, made["pictures"]).left_out;
  made["measures"] = measures_of(run, log, facts.steps);
  if (const auto* process = dynamic_cast<const NoiseProcess*>(view.noise.get()))
    made["noise"] = noise_of(*process);
  if (!view.missing.empty()) notes.push_back(view.missing);
  if (view.checked) made["graph"] = graph_data(*view.checked, pipeline, read_task_times(run));
  made["times"] = times_of(run);
  made["machine"] = machine_of(run, notes);
  note_future_version(made["machine"], notes);
  made["yaml"] = read_text(run / kPipeline);
  made["notes"] = notes;
  made["hints"] = hints;
  return made;
}

}  // namespace dagfusion
