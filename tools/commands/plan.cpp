// run-pipeline plan FILE: the tasks of a frame in the order they run,
// what keeps some of them in order, and memory.
#include "graph/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "graph/cluster/cost.h"
#include "graph/cluster/groups.h"
#include "graph/plan/planned_memory.h"
#include "graph/plan/replay.h"
#include "graph/plan/work.h"
#include "tools/commands/commands.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

using Json = nlohmann::ordered_json;

const char* kind_of(const Task& task) {
  switch (task.kind) {
    case Task::Kind::forward:
      return "forward";
    case Task::Kind::backward:
      return "backward";
    case Task::Kind::accumulate:
      return "weight gradient";
    case Task::Kind::sum_gradients:
      return "gradient sum";
    case Task::Kind::loop_head:
      return "loop head";
    case Task::Kind::loop_tail:
      return "loop tail";
    case Task::Kind::ahead:
      return "ahead";
    case Task::Kind::ordered:
      return "ordered";
    case Task::Kind::exchange:
      return "exchange";
    case Task::Kind::collect:
      return "collect";
    case Task::Kind::step:
      return "per step";
    case Task::Kind::child:
      return "pipeline";
    case Task::Kind::admission:
      return "admission";
    case Task::Kind::release:
      return "release";
  }
  throw std::logic_error("kind_of: no such kind");
}

// Why a task takes the frames one by one, in their order; "" for those that take many at once.
const char* why_ordered(const Task& task) {
  switch (task.kind) {
    case Task::Kind::accumulate:
      return "adds to the step's gradients in frame order";
    case Task::Kind::ordered:
      return "has a state, or writes, in frame order";
    case Task::Kind::exchange:
      return "with the other processes, behind all frames of the step";
    case Task::Kind::collect:
      return "frames of other processes come in, in frame order";
    case Task::Kind::step:
    case Task::Kind::child:
      return "once per step, behind all its frames";
    case Task::Kind::admission:
      return "waits for the step before, and for a lane";
    case Task::Kind::release:
      return "gives the lane back in frame order";
    default:
      return task.serial ? "in frame order" : "";
  }
}

const char* place_of(const Slot& slot) {
  return slot.place == Place::frame ? "frame" : slot.place == Place::lane ? "lane" : "step";
}

const char* layout_of(const TensorSpec& spec) { return spec.block > 1 ? "blocked" : "plain"; }

// One line of the table: a task, or neighbours of one kind below one node of the file.
struct Line {
  int first = 0, count = 1;
  std::string what, kind, why;
  std::int64_t multiply_adds = 0;
  std::size_t bytes = 0;  // of what it writes
};

class PlanTold {
 public:
  explicit PlanTold(const Planned& planned)
      : checked_(planned.checked),
        plan_(planned.plan),
        threads_(threads_of(checked_.run, 0)),
        lanes_(lanes_of(checked_.run, threads_)),
        frames_(frames_in_flight_of(checked_.run, lanes_)) {}

  void say(bool every_task, bool slots) const {
    std::vector<Line> lines;
    for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t) add(lines, t, every_task);
    std::size_t width = 4;
    for (const Line& l : lines) width = std::max(width, l.what.size());
    fmt::print("{:>9}  {:<{}}  {:<15}  {:>9}  {:>8}  {}\n", "task", "node", width, "kind", "M mul-add",
               "KiB out", "why in order");
    for (const Line& l : lines) {
      std::string text = fmt::format(
          "{:>9}  {:<{}}  {:<15}  {:>9}  {:>8}  {}",
          l.count > 1 ? fmt::format("{}–{}", l.first + 1, l.first + l.count) : std::to_string(l.first + 1),
          l.what, width, l.kind,
          l.multiply_adds > 0 ? fmt::format("{:.3f}", static_cast<double>(l.multiply_adds) * 1e-6) : "",
          l.bytes > 0 ? fmt::format("{:.1f}", static_cast<double>(l.bytes) / 1024) : "", l.why);
      text.erase(text.find_last_not_of(' ') + 1);
      fmt::print("{}\n", text);
    }
    if (slots) say_slots();
    say_totals();
  }

  Json json() const {
    Json tasks = Json::array(), slots = Json::array();
    for (const Task& task : plan_.tasks) {
      Json one = {{"name", task.name}, {"kind", kind_of(task)}, {"before", task.before}};
      if (task.serial) one["in_order"] = why_ordered(task);
      if (task.loop >= 0) one["loop"] = checked_.loops[task.loop].path;
      if (!task.visits.empty()) {
        const CheckedNode& node = checked_.nodes[task.visits.front().node];
        one["node"] = node.path;
        one["type"] = node.type->name;
        one["multiply_adds"] = multiply_adds(checked_, task);
        one["writes"] = written(task);
      }
      tasks.push_back(std::move(one));
    }
    for (const Slot& s : plan_.slots)
      slots.push_back({{"name", s.name},
                       {"place", place_of(s)},
                       {"shape", s.spec.shape},
                       {"dtype", name_of(s.spec.dtype)},
                       {"layout", layout_of(s.spec)},
                       {"bytes", s.spec.bytes()},
                       {"offset", s.offset}});
    return {{"tasks", tasks},
            {"slots", slots},
            {"threads", threads_},
            {"lanes", lanes_},
            {"frames_in_flight", frames_},
            {"frames_per_step", plan_.frames_per_step},
            {"bytes",
             {{"lane", plan_.lane_bytes},
              {"frame", plan_.frame_bytes},
              {"step", plan_.step_bytes},
              {"weights", weight_bytes()},
              {"packed", checked_.weights->packed_bytes()},
              {"gradients", checked_.run.training ? weight_bytes() : 0}}}};
  }

 private:
  std::vector<int> written(const Task& task) const {
    std::vector<int> slots;
    for (const Visit& v : task.visits)
      for (const std::vector<int>* some : {task.kind == Task::Kind::backward ? &v.d_in : &v.out})
        for (const int s : *some)
          if (s >= 0 && task.kind != Task::Kind::accumulate) slots.push_back(s);
    if (task.sum >= 0) slots.push_back(task.sum);
    return slots;
  }

  void add(std::vector<Line>& lines, int t, bool every_task) const {
    const Task& task = plan_.tasks[t];
    Line line{.first = t, .what = task.name, .kind = kind_of(task), .why = why_ordered(task)};
    if (!task.visits.empty()) {
      const CheckedNode& node = checked_.nodes[task.visits.front().node];
      line.what = every_task ? fmt::format("{} ({})", node.path, node.type->name)
                             : node.path.substr(0, node.path.find('/'));
    } else if (!every_task) {
      const std::string sum = "sum of d ";
      const std::string path = task.name.starts_with(sum) ? task.name.substr(sum.size()) : task.name;
      line.what = path.substr(0, path.find_first_of("/."));
    }
    line.multiply_adds = multiply_adds(checked_, task);
    for (const int s : written(task)) line.bytes += plan_.slots[s].spec.bytes();
    if (!every_task && !lines.empty() && lines.back().what == line.what &&
        (lines.back().kind == line.kind || both_backward(lines.back().kind, line.kind))) {
      Line& last = lines.back();
      ++last.count;
      last.multiply_adds += line.multiply_adds;
      last.bytes += line.bytes;
      if (last.kind != line.kind) last.kind = "backward";
      if (last.why.empty()) last.why = line.why;
      return;
    }
    lines.push_back(std::move(line));
  }

  static bool both_backward(const std::string& a, const std::string& b) {
    const auto backward = [](const std::string& kind) {
      return kind == "backward" || kind == "weight gradient" || kind == "gradient sum";
    };
    return backward(a) && backward(b);
  }

  std::size_t weight_bytes() const { return checked_.weights->floats() * sizeof(float); }

  void say_slots() const {
    std::size_t width = 4, shape = 5;
    for (const Slot& s : plan_.slots) {
      width = std::max(width, s.name.size());
      shape = std::max(shape, to_string(s.spec.shape).size());
    }
    fmt::print("\n{:<{}}  {:<5}  {:<{}}  {:<6}  {:<7}  {:>10}  {:>10}\n", "slot", width, "place", "shape",
               shape, "dtype", "layout", "bytes", "offset");
    for (const Slot& s : plan_.slots)
      fmt::print("{:<{}}  {:<5}  {:<{}}  {:<6}  {:<7}  {:>10}  {:>10}\n", s.name, width, place_of(s),
                 to_string(s.spec.shape), shape, name_of(s.spec.dtype), layout_of(s.spec), s.spec.bytes(),
                 s.offset);
  }

  void say_totals() const {
    const auto say = [](const char* what, std::size_t bytes, int times, const std::string& why) {
      const double all = static_cast<double>(bytes) * times;
      fmt::print(
          "{:<10} {:>10}{}{}{}\n", what, bytes_in_words(all),
          times > 1 ? fmt::format(" = {} x {}", times, bytes_in_words(static_cast<double>(bytes))) : "",
          why.empty() ? "" : "  ", why);
    };
    fmt::print("\n{} tasks, {} slots, {}; {} a frame, {} a step\n", plan_.tasks.size(), plan_.slots.size(),
               counted(threads_, "thread"), counted(checked_.run.micro_batch, "image"),
               counted(plan_.frames_per_step, "frame"));
    say("lanes", plan_.lane_bytes, plan_.admission >= 0 ? lanes_ : 1,
        "values inside the model, and their gradients");
    say("frames", plan_.frame_bytes, frames_, "values in front of the model, and what steps read");
    say("steps", plan_.step_bytes, 1, "values of a step");
    say("weights", weight_bytes(), 1, "");
    say("packed", checked_.weights->packed_bytes(), 1, "copies of the weights as the primitives want them");
    if (checked_.run.training)
      say("gradients", weight_bytes(), buffers_of({0, checked_.run.gradient_groups}), "");
    for (const CheckedLoop& loop : checked_.loops)
      if (const auto* times = dynamic_cast<const Times*>(checked_.nodes[loop.each].node.get());
          times && !times->listing().empty())
        fmt::print("{:<10} {:>10}  t = {}\n", loop.path, counted(loop.count, "iteration"), times->listing());
    for (const CheckedNode& node : checked_.nodes)
      if (node.child) fmt::print("{} runs another pipeline, which is not shown here\n", node.path);
  }

  const Checked& checked_;
  const Plan& plan_;
  const int threads_, lanes_, frames_;
};

// Measured times of a pipeline's nodes, as `bench --json` gives them.
class BenchedTimes {
 public:
  BenchedTimes(const std::string& file, const Checked& checked) : file_(file) {
    std::ifstream stream(file);
    if (!stream)
      throw UserError(
          {file}, "--times: there is no such file; `run-pipeline bench FILE --json > times.json` makes one");
    try {
      const Json read = Json::parse(stream);
      batch_size_ = read.at("batch_size");
      micro_batch_ = read.at("micro_batch");
      for (const Json& node : read.at("nodes")) nodes_[node.at("name")] = node;
    } catch (const Json::exception&) {
      throw UserError({file}, "--times: is not what `run-pipeline bench FILE --json` writes");
    }
    if (batch_size_ != checked.run.batch_size || micro_batch_ != checked.run.micro_batch)
      throw UserError(
          {file},
          fmt::format("--times: measured with batches of {} in frames of {}, and this pipeline has {} in {}",
                      batch_size_, micro_batch_, checked.run.batch_size, checked.run.micro_batch));
  }

  // Of each task, for a frame, or for a step.
  std::vector<double> seconds(const Checked& checked, const Plan& plan) const {
    std::vector<double> all;
    for (const Task& task : plan.tasks) all.push_back(seconds_of(checked, task));
    if (std::ranges::all_of(all, [](double s) { return s == 0; }))
      throw UserError({file_}, "--times: names none of this pipeline's nodes");
    return all;
  }

 private:
  double seconds_of(const Checked& checked, const Task& task) const {
    switch (task.kind) {
      case Task::Kind::sum_gradients:
        return ms(task.name, "backward_ms") * static_cast<double>(micro_batch_) / 1e3;
      case Task::Kind::step:
        return ms(node_of(checked, task), "step_ms") * static_cast<double>(batch_size_) / 1e3;
      case Task::Kind::accumulate:
        return ms(node_of(checked, task), "weight_gradient_ms") * static_cast<double>(micro_batch_) / 1e3;
      case Task::Kind::backward:
        return ms(node_of(checked, task), "backward_ms") * static_cast<double>(micro_batch_) / 1e3;
      case Task::Kind::forward:
      case Task::Kind::ordered:
        return ms(node_of(checked, task), "forward_ms") * static_cast<double>(micro_batch_) / 1e3;
      default:
        return 0;
    }
  }
  static std::string node_of(const Checked& checked, const Task& task) {
    return task.visits.empty() ? task.name : checked.nodes[task.visits.front().node].path;
  }
  double ms(const std::string& node, const char* what) const {
    const auto found = nodes_.find(node);
    return found == nodes_.end() ? 0 : found->second.value(what, 0.0);
  }

  std::string file_;
  std::int64_t batch_size_ = 0, micro_batch_ = 0;
  std::map<std::string, Json> nodes_;
};

// How fast other numbers of cores would train, and what keeps them from more.
class CoresTold {
 public:
  CoresTold(const Planned& planned, const std::string& times, const std::vector<int>& cores)
      : checked_(planned.checked),
        plan_(planned.plan),
        seconds_(BenchedTimes(times, checked_).seconds(checked_, plan_)),
        cores_(cores) {}

  void say() const {
    fmt::print("\n{:>5}  {:>5}  {:>10}  {:>9}  {:>8}  {:>10}  {}\n", "cores", "lanes", "a step, ms",
               "images/s", "speed-up", "efficiency", "what bounds it");
    for (const int cores : cores_) {
      const int lanes = std::min(lanes_of(checked_.run, cores), plan_.frames_per_step);
      const Replay r = replayed(cores, lanes, checked_.run.gradient_groups);
      fmt::print("{:>5}  {:>5}  {:>10.1f}  {:>9.1f}  {:>8.1f}  {:>9.0f}%  {}\n", cores, lanes,
                 1e3 * r.step_seconds, static_cast<double>(checked_.run.batch_size) / r.step_seconds,
                 r.work_seconds / r.step_seconds, 100 * r.efficiency(cores), bound(r, cores, lanes));
    }
  }

 private:
  Replay replayed(int cores, int lanes, int groups) const {
    return replay(plan_, seconds_, {cores, lanes, frames_in_flight_of(checked_.run, lanes), groups});
  }

  std::string bound(const Replay& r, int cores, int lanes) const {
    constexpr double kFull = 0.97, kWorthIt = 1.03;
    if (r.efficiency(cores) > kFull) return "the work itself";
    int best = checked_.run.gradient_groups;
    double least = r.step_seconds;
    for (int groups = 2 * best; plan_.frames_per_step % groups == 0; groups *= 2)
      if (const double other = replayed(cores, lanes, groups).step_seconds; other * kWorthIt < least) {
        least = other;
        best = groups;
      }
    if (best != checked_.run.gradient_groups)
      return fmt::format("gradients that are added frame by frame: run.gradient_groups={} makes it {:.0f}%",
                         best, 100 * r.work_seconds / (least * cores));
    return fmt::format("{} in {} of {:.1f} ms, then {:.1f} ms once per step",
                       counted(plan_.frames_per_step, "frame"),
                       counted((plan_.frames_per_step + lanes - 1) / lanes, "wave"), 1e3 * r.frame_seconds,
                       1e3 * r.steps_seconds);
  }

  const Checked& checked_;
  const Plan& plan_;
  const std::vector<double> seconds_;
  const std::vector<int>& cores_;
};

std::vector<std::string> names_of_networks() {
  std::vector<std::string> names;
  for (const Ethernet& network : ethernets()) names.push_back(network.name);
  return names;
}

// What several processes cost, and bring.
class RanksTold {
 public:
  struct Question {
    int ranks = 1;
    std::string network = "10gbe";
    double rate = 0;  // images/s of one process
  };

  RanksTold(const Planned& planned, const Question& asked)
      : checked_(planned.checked), plan_(planned.plan), asked_(asked) {}

  void say() const {
    const RunSettings& run = checked_.run;
    if (!run.training) {
      fmt::print("ranks      {:>10}  frame k is the work of rank k mod {}\n", asked_.ranks, asked_.ranks);
      return;
    }
    const ExchangeCost cost = exchange_cost(checked_.weights->floats(), run.gradient_groups, asked_.ranks);
    fmt::print("ranks      {:>10}  {} of gradients; a step is {}\n", asked_.ranks,
               counted(run.gradient_groups, "group"), counted(plan_.frames_per_step, "frame"));
    fmt::print("exchange   {:>10}  in {} that a rank sends each step\n",
               bytes_in_words(static_cast<double>(cost.bytes)), counted(cost.messages, "message"));
    for (const Ethernet& network : ethernets())
      if (network.name == asked_.network) say_time(cost.seconds(network), network.name);
  }

 private:
  // Lanes of a rank that stay empty in the last wave of a step.
  double whole_waves(int lanes) const {
    int most = 0;
    for (int r = 0; r < asked_.ranks; ++r)
      most = std::max(most, groups_of(r, asked_.ranks, checked_.run.gradient_groups).count());
    const int frames = most * plan_.frames_per_step / checked_.run.gradient_groups;
    const int waves = (frames + lanes - 1) / lanes;
    return static_cast<double>(plan_.frames_per_step) / (static_cast<double>(asked_.ranks) * waves * lanes);
  }

  void say_time(double exchange, const std::string& network) const {
    const int lanes = lanes_of(checked_.run, threads_of(checked_.run, 0));
    const double waves = std::min(1.0, whole_waves(lanes));
    fmt::print("on {:<7} {:>7.1f} ms  if nothing hides it\n", network, 1e3 * exchange);
    fmt::print("waves      {:>9.0f}%  of {} a rank are full\n", 100 * waves, counted(lanes, "lane"));
    if (asked_.rate <= 0) return;
    const double compute =
        static_cast<double>(checked_.run.batch_size) / (asked_.ranks * asked_.rate * waves);
    fmt::print(
        "step       {:>8.2f} s   {:.2f} s of computing, so {:.1f} images/s: {:.0f}% of {} times one rank's\n",
        compute + exchange, compute, static_cast<double>(checked_.run.batch_size) / (compute + exchange),
        100 * static_cast<double>(checked_.run.batch_size) / (compute + exchange) /
            (asked_.ranks * asked_.rate),
        asked_.ranks);
  }

  const Checked& checked_;
  const Plan& plan_;
  const Question& asked_;
};

}  // namespace

int plan_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline plan"};
  TypedPipeline pipeline;
  bool json = false, tasks = false, slots = false;
  RanksTold::Question ranks;
  pipeline.declare(arguments);
  arguments.flag("--tasks", tasks, "a line for every task; otherwise neighbours below one node share a line");
  arguments.flag("--slots", slots, "also the memory of every value");
  arguments.flag("--json", json, "one JSON object with all of it");
  arguments.option("--ranks", ranks.ranks, "what so many processes that share the training give each other")
      .between(1, 4096);
  arguments.option("--network", ranks.network, "between them").among(names_of_networks()).shows_default();
  arguments.option("--rate", ranks.rate, "images/s that one of them trains, as its runs say")
      .between(1e-3, 1e9);
  std::vector<int> cores;
  std::string times;
  arguments.option("--cores", cores, "how fast so many would train, by the times that --times has")
      .separated_by(',')
      .between(1, 4096);
  arguments.option("--times", times, "what `bench FILE --json` wrote");
  return run_command(arguments, argc, argv, [&]() -> int {
    if (cores.empty() != times.empty())
      throw UserError({"command line"},
                      "--cores needs --times, and the other way round: `run-pipeline bench FILE --json > "
                      "times.json`, then `plan FILE --cores 16,64 --times times.json`");
    const Planned planned = plan_file(pipeline.invocation(), ranks.ranks);
    const PlanTold told(planned);
    if (json)
      fmt::print("{}\n", told.json().dump(2));
    else
      told.say(tasks, slots);
    if (!cores.empty() && !json) CoresTold(planned, times, cores).say();
    if (ranks.ranks > 1 && !json) RanksTold(planned, ranks).say();
    return kDone;
  });
}

}  // namespace dagfusion
