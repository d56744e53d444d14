#include "tools/report/curves_data.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "tools/report/buckets.h"
#include "tools/report/json_numbers.h"

namespace dagfusion {
namespace {

using Json = nlohmann::ordered_json;

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
        at[name] = json_numbers(ends);
      }
    return at;
  }

  double at_end(std::size_t column, std::size_t bucket) const {
    return table_.values[column][end_of_bucket(bucket, buckets_, table_.rows()) - 1];
  }

  Json curve(const std::vector<double>& values) const {
    Bucketed of = in_buckets(values, buckets_);
    if (!thinned()) return {{"mean", json_numbers(of.mean)}};
    for (double& mean : of.mean) mean = rounded_for_a_page(mean);
    return {{"mean", json_numbers(of.mean)}, {"min", json_numbers(of.least)}, {"max", json_numbers(of.most)}};
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
    const auto step_at = [&](std::size_t i) { return step ? json_number(table_.values[*step][i]) : Json(); };
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
      rates.push_back(time > since ? rounded_for_a_page((now - done) / (time - since))
                                   : std::numeric_limits<double>::quiet_NaN());
      done = now, since = time;
    }
    return json_numbers(rates);
  }

  const CsvTable table_;
  const std::size_t buckets_;
};

}  // namespace

void add_curves(CsvTable log, const RunDataOptions& options, Json& run) {
  Curves(std::move(log), options).write(run);
}

}  // namespace dagfusion
