#include "tools/bench/together.h"

#include <fmt/format.h>

#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "graph/values/clock.h"
#include "tools/bench/measure.h"
#include "tools/launch/scratch.h"
#include "tools/launch/stop_signals.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

using namespace std::chrono_literals;

constexpr double kWarmUpSeconds = 1;
constexpr std::int64_t kWarmUpSteps = 2;  // the first one makes connections

// What is known when a step has just been done.
struct Mark {
  std::int64_t steps = 0, time = 0;  // time: of the steady clock, nanoseconds
  double exposed = 0;
};

class FirstRank {
 public:
  explicit FirstRank(Run& run)
      : run_(run), running_(std::async(std::launch::async, [&run] { return run.run(); })) {}
  ~FirstRank() { run_.abort(); }  // before the future waits

  // At the end of the first step that is over so many further steps and seconds.
  Mark after(std::int64_t steps, double seconds) {
    const std::int64_t begin = clock_now(), before = run_.progress().steps;
    for (std::int64_t seen = before;;) {
      if (running_.wait_for(1ms) == std::future_status::ready) {
        running_.get();  // throws what went wrong
        throw std::runtime_error("the pipeline came to its end before it could be measured");
      }
      throw_if_stop_asked();
      const std::int64_t now = run_.progress().steps;
      if (now == std::exchange(seen, now)) continue;
      const std::int64_t time = clock_now();
      if (now - before >= steps && static_cast<double>(time - begin) * 1e-9 >= seconds)
        return {now, time, run_.exchange()->exposed};
    }
  }
  // All ranks finish the step that has begun.
  void end() {
    run_.stop();
    running_.get();
  }

 private:
  Run& run_;
  std::future<Report> running_;
};

void refuse_without_training(const Checked& checked) {
  if (!checked.run.training)
    throw UserError({"command line"},
                    "--ranks: several processes are measured while they train, and this pipeline "
                    "trains nothing");
}

}  // namespace

MeasuredTogether measure_together(Invocation request, double seconds) {
  Cluster& cluster = *request.cluster;
  std::optional<Scratch> scratch;
  if (cluster.first()) scratch.emplace("bench");
  const std::string folder = cluster.gather(scratch ? scratch->path().string() : "").front();
  request.overrides.push_back({Override::Kind::set, "run.output=" + folder});
  request.adapt = [](Checked& checked) {
    refuse_without_training(checked);
    make_endless(checked);
  };
  const Launch made = launch(request);
  Run& run = *made.run;
  MeasuredTogether m{.file = request.file.string(),
                     .ranks = cluster.size(),
                     .threads = run.threads(),
                     .batch_size = run.checked().run.batch_size};
  if (!cluster.first()) {
    const StopSignals signals(run, StopSignals::First::finishes_the_step, StopSignals::Says::nothing);
    run.run();
    return m;
  }
  FirstRank first(run);
  const Mark begin = first.after(kWarmUpSteps, kWarmUpSeconds), end = first.after(1, seconds);
  m.bytes_a_step = run.exchange()->bytes_a_step;
  first.end();
  m.steps = end.steps - begin.steps;
  m.seconds = static_cast<double>(end.time - begin.time) * 1e-9;
  m.exposed = end.exposed - begin.exposed;
  return m;
}

void say_together(const MeasuredTogether& m) {
  const double step = 1e3 * m.seconds / static_cast<double>(m.steps),
               exposed = 1e3 * m.exposed / static_cast<double>(m.steps);
  fmt::print("{}: {}, {} each, {} a step\n", m.file, counted(m.ranks, "rank"), counted(m.threads, "thread"),
             counted(m.batch_size, "image"));
  fmt::print("speed        {:.2f} images/s of all together, over {} in {:.2f} s\n", m.images_per_second(),
             counted(m.steps, "step"), m.seconds);
  fmt::print(
      "exchange     {:.1f} ms of a step's {:.1f} were waits for other ranks and the network ({:.1f}%); a "
      "rank sends {} "
      "of gradients a step\n",
      exposed, step, 100 * exposed / step, bytes_in_words(static_cast<double>(m.bytes_a_step)));
}

std::string together_json(const MeasuredTogether& m) {
  nlohmann::ordered_json json;
  json["file"] = m.file;
  json["ranks"] = m.ranks;
  json["threads"] = m.threads;
  json["batch_size"] = m.batch_size;
  json["steps"] = m.steps;
  json["seconds"] = m.seconds;
  json["images_per_second"] = m.images_per_second();
  json["exchange"] = {{"exposed_seconds_a_step", m.exposed / static_cast<double>(m.steps)},
                      {"bytes_a_step", m.bytes_a_step}};
  return json.dump(2);
}

}  // namespace dagfusion
