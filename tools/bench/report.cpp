#include "tools/bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "tools/bench/allocations.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

constexpr std::array kParts = {"forward", "backward", "weight_gradient", "step"};
constexpr std::size_t kMostTypes = 14, kMostNodes = 12;

// Tasks of one type or of one node.
struct Row {
  std::string name, type;
  std::array<double, kParts.size()> milliseconds{};  // of one thread, for an image
  double all = 0;
  double operations = 0;  // a second
};

std::vector<Row> rows(const Measurement& m, bool by_node) {
  std::map<std::string, Row> found;
  for (const TaskTime& t : m.tasks) {
    Row& row = found[by_node ? t.node : t.type];
    row.name = by_node ? t.node : t.type;
    row.type = t.type;
    const double spent = 1e3 * t.seconds / m.images();
    row.milliseconds[static_cast<std::size_t>(t.part)] += spent;
    row.all += spent;
    row.operations += 2e3 * static_cast<double>(t.calls) * static_cast<double>(t.multiply_adds) / m.images();
  }
  std::vector<Row> sorted;
  for (auto& [name, row] : found) {
    if (row.all > 0) row.operations /= row.all;
    sorted.push_back(row);
  }
  std::sort(sorted.begin(), sorted.end(), [](const Row& a, const Row& b) { return a.all > b.all; });
  return sorted;
}

void say_rows(const Measurement& m, const std::vector<Row>& rows, std::size_t most) {
  double all = 0;
  for (const Row& r : rows) all += r.all;
  for (std::size_t i = 0; i < std::min(rows.size(), most); ++i) {
    const Row& r = rows[i];
    fmt::print("{:<34} {:>5.1f}%", r.name, 100 * r.all / std::max(all, 1e-12));
    for (const double part : r.milliseconds)
      fmt::print(" {:>9}", part > 0 ? fmt::format("{:.3f}", part) : "");
    fmt::print(" {:>8}\n",
               r.operations > 0 ? fmt::format("{:.0f}%", 100 * r.operations * m.threads / m.peak()) : "");
  }
}

std::string allocation_shares(const Measurement& m, double per) {
  std::vector<std::pair<double, std::string>> shares;
  std::int64_t inside = 0;
  for (const auto& [type, count] : m.allocations_by_type) {
    if (count > 0) shares.emplace_back(static_cast<double>(count) / per, type);
    inside += count;
  }
  shares.emplace_back(static_cast<double>(m.allocations - inside) / per, "outside of nodes");
  std::sort(shares.rbegin(), shares.rend());
  std::string text;
  for (const auto& [count, type] : shares)
    text += fmt::format("{}{} {:.1f}", text.empty() ? "" : ", ", type, count);
  return text;
}

nlohmann::ordered_json rows_json(const Measurement& m, bool by_node) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Row& r : rows(m, by_node)) {
    nlohmann::ordered_json row;
    row["name"] = r.name;
    if (by_node) row["type"] = r.type;
    for (std::size_t p = 0; p < kParts.size(); ++p) row[fmt::format("{}_ms", kParts[p])] = r.milliseconds[p];
    row["gflops"] = r.operations * 1e-9;
    list.push_back(row);
  }
  return list;
}

}  // namespace

void say_measurement(const Measurement& m) {
  const double seconds = m.seconds();
  const std::vector<double> shares = m.shares();
  fmt::print("{}: {}{}, {}, {}\n", m.file,
             m.parameters > 0
                 ? fmt::format("{} parameters, {:.3f} G multiply-adds an image, ", with_commas(m.parameters),
                               static_cast<double>(m.multiply_adds) * 1e-9)
                 : "",
             m.training ? fmt::format("{} a step, {} a frame", counted(m.batch_size, "image"), m.micro_batch)
                        : fmt::format("{} a frame", counted(m.micro_batch, "image")),
             counted(m.threads, "thread"), m.bfloat16 ? "bfloat16" : "float32");
  fmt::print("speed        {:.2f} images/s", m.images_per_second());
  if (m.multiply_adds > 0)
    fmt::print(", {:.1f} GFLOP/s ({} x 2 x the multiply-adds): {:.1f}% of the peak, {:.1f} GFLOP/s of {}",
               m.images_per_second() * m.operations() * 1e-9, m.training ? 3 : 1, m.share(), m.peak() * 1e-9,
               m.bfloat16 ? "bfloat16" : "float32");
  if (m.multiply_adds > 0 && m.bfloat16)
    fmt::print("; {:.1f}% of that of float32, {:.1f} GFLOP/s", m.share_of_float32(), m.float32_peak() * 1e-9);
  fmt::print("\nwindows      {} of {:.2f} s", m.windows.size(),
             seconds / static_cast<double>(m.windows.size()));
  if (m.multiply_adds > 0)
    fmt::print(": {:.1f}% of the peak in the median, {:.1f}% least, {:.1f}% most", shares[shares.size() / 2],
               shares.front(), shares.back());
  fmt::print("\ncounted      {:.2f} s", seconds);
  if (m.training) fmt::print(", {:.2f} steps", m.steps);
  fmt::print("; not the warm-up, nor the pauses between tasks in which the peak is measured\n");
  if (m.busy() < 95)
    fmt::print("disturbed    other processes took {:.0f}% of the cores while the peak was measured\n",
               100 - m.busy());
  if (m.seconds_to_model >= 0)
    fmt::print("start        {:.2f} s from the command until the first frame enters the model\n",
               m.seconds_to_model);
  fmt::print("memory       {} planned, {} of the process at most\n",
             bytes_in_words(static_cast<double>(m.planned_bytes)),
             bytes_in_words(static_cast<double>(m.process_bytes)));
  const double per = m.training ? m.steps : m.images();
  if (allocations_are_counted())
    fmt::print("allocations  {:.1f} {}: {}\n", static_cast<double>(m.allocations) / per,
               m.training ? "a step" : "an image", allocation_shares(m, per));
  if (m.data_rate > 0)
    fmt::print(
        "data         the nodes in front of the model could bring {:.0f} images/s, {:.0f} times what it "
        "takes\n",
        m.data_rate, m.data_rate / m.images_per_second());
  const auto heading = [](const char* first) {
    fmt::print("\n{:<34} {:>6} {:>9} {:>9} {:>9} {:>9} {:>8}\n", first, "share", "forward", "backward",
               "weights", "step", "of peak");
  };
  heading("ms of a thread for an image, by type");
  say_rows(m, rows(m, false), kMostTypes);
  heading("the heaviest nodes");
  say_rows(m, rows(m, true), kMostNodes);
}

void say_scaling(const Scaling& s) {
  const Scaling::Round& round = s.median();
  fmt::print(
      "\nscaling      {:.2f} times the images/s of one thread on {} (in turns, {:.2f} to {:.2f}), where the "
      "peak "
      "loop is {:.2f} times as fast: {:.2f} of {}\n",
      round.images_per_second, s.threads, s.rounds.front().images_per_second,
      s.rounds.back().images_per_second, round.peak, round.by_peak(s.threads), s.threads);
  if (s.threads < 2) return;
  const auto [least, most] = std::ranges::minmax(s.rounds, {}, &Scaling::Round::round_trip);
  fmt::print("cores        a word from one to another and back: {:.2f} to {:.2f} microseconds\n",
             least.round_trip * 1e6, most.round_trip * 1e6);
}

std::string measurement_json(const Measurement& m, const std::optional<Scaling>& scaling) {
  nlohmann::ordered_json json;
  json["file"] = m.file;
  json["training"] = m.training;
  json["precision"] = m.bfloat16 ? "bfloat16" : "float32";
  json["threads"] = m.threads;
  json["lanes"] = m.lanes;
  json["micro_batch"] = m.micro_batch;
  if (m.training) json["batch_size"] = m.batch_size, json["steps"] = m.steps;
  json["parameters"] = m.parameters;
  json["multiply_adds_per_image"] = m.multiply_adds;
  json["operations_per_image"] = m.operations();
  json["seconds"] = m.seconds();
  json["images_per_second"] = m.images_per_second();
  json["gflops"] = m.images_per_second() * m.operations() * 1e-9;
  json["peak_gflops"] = m.peak() * 1e-9;
  json["float32_peak_gflops"] = m.float32_peak() * 1e-9;
  json["peak_percent_of_cores"] = m.busy();
  const std::vector<double> shares = m.shares();
  json["percent_of_peak"] = {{"all", m.share()},
                             {"median", shares[shares.size() / 2]},
                             {"least", shares.front()},
                             {"most", shares.back()},
                             {"windows", shares.size()}};
  json["percent_of_float32_peak"] = m.share_of_float32();
  if (m.seconds_to_model >= 0) json["seconds_to_model"] = m.seconds_to_model;
  json["planned_bytes"] = m.planned_bytes;
  json["process_bytes"] = m.process_bytes;
  if (allocations_are_counted()) {
    const double per = m.training ? m.steps : m.images();
    const char* const unit = m.training ? "allocations_per_step" : "allocations_per_image";
    json[unit]["all"] = static_cast<double>(m.allocations) / per;
    for (const auto& [type, count] : m.allocations_by_type)
      if (count > 0) json[unit][type] = static_cast<double>(count) / per;
  }
  if (m.data_rate > 0)
    json["data"] = {{"images_per_second", m.data_rate},
                    {"times_needed", m.data_rate / m.images_per_second()}};
  if (scaling) {
    const Scaling::Round& round = scaling->median();
    json["scaling"] = {{"threads", scaling->threads},
                       {"by_peak", round.by_peak(scaling->threads)},
                       {"images_per_second", round.images_per_second},
                       {"peak", round.peak},
                       {"round_trip_us", round.round_trip * 1e6}};
  }
  json["types"] = rows_json(m, false);
  json["nodes"] = rows_json(m, true);
  return json.dump(2);
}

}  // namespace dagfusion
