// metrics_log: writes numbers of the run to <name>.jsonl and <name>.csv in the run directory, a line each
// time it fires.
//
//   {"step":10,"images":1280,"seconds":12.345,"loss":0.0312}
//
// step: updates made so far; images: step * batch_size; seconds: time the run has taken,
// over all its processes. A value is its mean over the steps since the line before (of a port that comes per
// frame: over the images of those steps), of those in which its node gives a number (`every`); where none did, it is
// left out of the JSON line and empty in CSV. What is not finite is null in JSON and nan, inf or -inf in CSV.
// A resumed run cuts both files back to the step it goes on from; what came since the last line is in the
// checkpoint. Two logs in one pipeline need two names.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "graph/types/gathers.h"
#include "graph/types/setup.h"
#include "nodes/files/durable.h"
#include "nodes/files/file_lock.h"
#include "nodes/training/step_means.h"

namespace dagfusion {
namespace {

using Clock = std::chrono::steady_clock;

// Calls f for every line that is complete.
template <class F>
void for_each_line(std::string_view text, const F& f) {
  for (std::size_t end; (end = text.find('\n')) != text.npos; text.remove_prefix(end + 1))
    f(text.substr(0, end + 1));
}

class LogFile {
 public:
  explicit LogFile(const std::filesystem::path& path) : path_(path), file_(std::fopen(path.c_str(), "ae")) {
    if (!file_) fail();
    if (take_lock(fileno(file_.get())) == FileLock::in_use) {
      throw std::runtime_error(
          fmt::format("'{}' is being written by another log; give this one another 'name'", path.string()));
    }
  }
  void write(const std::string& line) {
    const bool whole = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size();
    if (!whole || std::fflush(file_.get()) != 0) fail();
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  [[noreturn]] void fail() const {
    throw std::runtime_error(fmt::format("cannot write '{}': {}", path_.string(), std::strerror(errno)));
  }
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

class MetricsLog final : public Ordered, public Gathers {
 public:
  explicit MetricsLog(Setup& setup)
      : means_(setup.any_inputs()), name_(setup.text("name")), batch_size_(setup.run().batch_size) {
    if (means_.empty()) setup.fail("nothing is wired; say what to write, as in 'in: {loss: loss}'");
    for (const auto& [name, input] : means_.inputs()) {
      if (name == "step" || name == "images" || name == "seconds") {
        setup.fail_at_input(name, fmt::format("'{}' is written anyway; give the input another name", name));
      }
    }
    if (name_.empty() || name_.find('/') != name_.npos) {
      setup.fail_at("name",
                    fmt::format("'name' is '{}'; it is the name of a file without a directory", name_));
    }
  }

  void prepare(Preparation&) override { start_ = Clock::now(); }

  std::optional<CsvFile> csv() const override {
    CsvFile file{name_ + ".csv", {"step", "images", "seconds"}};
    for (const auto& [name, input] : means_.inputs()) file.columns.push_back(name);
    return file;
  }

  void gather(Call& call) override { means_.add(call); }

  void run(Call& call) override {
    if (!json_) open(call.run());
    means_.add(call);
    const std::int64_t step = call.step() + 1;
    const double seconds = earlier_ + std::chrono::duration<double>(Clock::now() - start_).count();
    std::string json =
        fmt::format("{{\"step\":{},\"images\":{},\"seconds\":{:.3f}", step, step * batch_size_, seconds);
    std::string csv = fmt::format("{},{},{:.3f}", step, step * batch_size_, seconds);
    for (std::size_t i = 0; i < means_.size(); ++i) {
      const std::optional<float> mean = means_.take(i);
      if (!mean) {
        csv += ',';
        continue;
      }
      const std::string& name = means_.name(i);
      const float value = *mean;
      json += fmt::format(",{}:{}", nlohmann::json(name).dump(),
                          std::isfinite(value) ? fmt::to_string(value) : "null");
      csv += fmt::format(",{}", value);
    }
    json_->write(json + "}\n");
    csv_->write(csv + "\n");
  }

  std::vector<StateTensor> state() override { return means_.state(); }

 private:
  void open(RunInfo& run) {
    const std::filesystem::path json = run.resolve(name_ + ".jsonl"), csv = run.resolve(this->csv()->name);
    const std::int64_t last = run.first_step();
    const LogFile unshared(json);  // or it throws
    replace_file(json, last > 0 && exists(json) ? kept_json(read_text(json), last) : "");
    replace_file(csv, last > 0 && exists(csv) ? kept_csv(read_text(csv), last, csv) : header());
    json_ = std::make_unique<LogFile>(json);
    csv_ = std::make_unique<LogFile>(csv);
  }

  std::string columns() const { return fmt::format("{}", fmt::join(csv()->columns, ",")); }
  std::string header() const { return columns() + "\n"; }

  std::string kept_json(const std::string& text, std::int64_t last) {
    std::string kept;
    for_each_line(text, [&](std::string_view line) {
      const nlohmann::json values = nlohmann::json::parse(line, nullptr, false);
      if (!values.is_object() || !values.contains("step") || !values["step"].is_number_integer()) return;
      if (values["step"].get<std::int64_t>() > last) return;
      if (values.contains("seconds") && values["seconds"].is_number())
        earlier_ = values["seconds"].get<double>();
      kept += line;
    });
    return kept;
  }

  std::string kept_csv(const std::string& text, std::int64_t last, const std::filesystem::path& path) const {
    std::string kept;
    for_each_line(text, [&](std::string_view line) {
      if (kept.empty() && line != header()) {
        line.remove_suffix(1);
        throw std::runtime_error(
            fmt::format("'{}' has the columns {}, but this log writes {}; give it another 'name'",
                        path.string(), line, columns()));
      }
      if (kept.empty() || std::atoll(line.data()) <= last) kept += line;
    });
    return kept.empty() ? header() : kept;
  }

  StepMeans means_;
  std::string name_;
  std::int64_t batch_size_;
  Clock::time_point start_;
  double earlier_ = 0;  // seconds, of the processes before this one
  std::unique_ptr<LogFile> json_, csv_;
};

}  // namespace

NodeType metrics_log() {
  return {.name = "metrics_log",
          .summary =
              "Writes numbers of the run, means since the line before, to a JSON lines file and a CSV file.",
          .example = "{type: metrics_log, in: {loss: loss, grad_norm: adam.grad_norm}, every: 10}",
          .role = Role::ordered,
          .rate = Rate::step,
          .phase = Phase::read,
          .inputs = {{kAnyName, "[] f32", "a number, written under the name it is wired to"}},
          .parameters = {{.name = "name",
                          .kind = Kind::text,
                          .doc = "of the files, without .jsonl and .csv",
                          .standard = std::string("metrics")}},
          .create = make_node<MetricsLog>};
}

}  // namespace dagfusion
