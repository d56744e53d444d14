// run-pipeline watch RUN: follows a run from another terminal, until it ends.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "nodes/files/checkpoint_names.h"
#include "tools/commands/commands.h"
#include "tools/report/log_tail.h"
#include "tools/report/run_facts.h"
#include "tools/show/progress.h"
#include "tools/show/sparkline.h"
#include "tools/show/terminal.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenLooks = 1s;
constexpr auto kBetweenLines = 30s;  // where the screen cannot move
constexpr int kUsualColumns = 80;
constexpr int kLongestLine = 60;       // of the losses
constexpr std::size_t kRateOver = 20;  // lines of the log

bool can_move() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) && terminal && *terminal && std::string(terminal) != "dumb";
}

class Watched {
 public:
  explicit Watched(const std::filesystem::path& run)
      : run_(run), log_(run / log_file_of(read_document(run / kPipeline))) {}

  const RunFacts& look() {
    facts_ = read_run_facts(run_);
    losses_ = &log_.read();
    return facts_;
  }

  std::string text(int columns) const {
    std::string text = fmt::format("{}  {}  {}\n", printable(run_.string()), name_of(facts_.status),
                                   bytes_in_words(static_cast<double>(facts_.bytes)));
    text += moving_line(moment(), columns) + "\n";
    if (!losses_->empty()) {
      double least = INFINITY, most = -INFINITY;
      std::vector<double> values;
      for (const LoggedLoss& l : *losses_) {
        values.push_back(l.loss);
        least = std::min(least, l.loss), most = std::max(most, l.loss);
      }
      text += fmt::format("loss {}  {:.4g} … {:.4g}\n",
                          sparkline(values, std::min(kLongestLine, columns - 30)), least, most);
    }
    if (!facts_.last_preview.empty())
      text += fmt::format("preview {}\n", printable(facts_.last_preview.string()));
    return text;
  }

  std::string line() const { return line_of(moment()); }

  nlohmann::ordered_json json() const {
    nlohmann::ordered_json made = facts_json(facts_);
    const double rate = steps_a_second();
    made["steps_a_second"] = rate > 0 ? nlohmann::ordered_json(rate) : nullptr;
    return made;
  }

 private:
  // Over the last lines of the log.
  double steps_a_second() const {
    if (losses_->size() < 2)
      return facts_.seconds > 0 ? static_cast<double>(facts_.steps) / facts_.seconds : 0;
    const LoggedLoss& last = losses_->back();
    const LoggedLoss& before = (*losses_)[losses_->size() - 1 - std::min(kRateOver, losses_->size() - 1)];
    return last.seconds > before.seconds ? (last.step - before.step) / (last.seconds - before.seconds) : 0;
  }

  Moment moment() const {
    Moment made;
    Progress& p = made.progress;
    p.steps = facts_.steps, p.all_steps = facts_.all_steps;
    p.images = facts_.images;
    const double of_step =
        facts_.steps > 0 ? static_cast<double>(facts_.images) / static_cast<double>(facts_.steps) : 0;
    p.all_images = static_cast<std::int64_t>(of_step * static_cast<double>(facts_.all_steps));
    p.has_loss = facts_.loss.has_value();
    p.loss = facts_.loss.value_or(0);
    const double rate = steps_a_second();
    made.rate = rate * of_step;
    if (facts_.status == RunStatus::running && rate > 0)
      made.left = static_cast<double>(facts_.all_steps - facts_.steps) / rate;
    return made;
  }

  const std::filesystem::path run_;
  LogTail log_;
  RunFacts facts_;
  const std::vector<LoggedLoss>* losses_ = nullptr;
};

// Draws over what it drew before.
void follow_on_screen(Watched& run) {
  for (std::size_t lines = 0;; std::this_thread::sleep_for(kBetweenLooks)) {
    const RunStatus status = run.look().status;
    const std::string text = run.text(columns_of(STDOUT_FILENO).value_or(kUsualColumns));
    std::string moved = lines > 0 ? fmt::format("\033[{}A", lines) : "";
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
      moved += "\r\033[K" + text.substr(begin, end - begin) + "\n";
    fmt::print("\033[?7l{}\033[?7h", moved);  // long lines are cut, not wrapped: lines stay where they are
    std::fflush(stdout);
    lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    if (status != RunStatus::running) return;
  }
}

void follow_in_lines(Watched& run) {
  while (run.look().status == RunStatus::running) {
    fmt::print("{}\n", run.line());
    std::fflush(stdout);
    const auto until = std::chrono::steady_clock::now() + kBetweenLines;
    while (std::chrono::steady_clock::now() < until && run.look().status == RunStatus::running)
      std::this_thread::sleep_for(kBetweenLooks);
  }
  fmt::print("{}", run.text(kUsualColumns));
}

}  // namespace

int watch_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline watch"};
  std::string typed;
  bool json = false, once = false;
  arguments.option("run", typed, "a run directory, or a folder of runs: its newest").required();
  arguments.flag("--once", once, "say how far it is, and do not wait for its end");
  arguments.flag("--json", json, "the same as one object");
  return run_command(arguments, argc, argv, [&]() -> int {
    Watched run(find_run(typed));
    if (json || once) {
      run.look();
      fmt::print("{}", json ? run.json().dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                            : run.text(columns_of(STDOUT_FILENO).value_or(kUsualColumns)));
      return kDone;
    }
    can_move() ? follow_on_screen(run) : follow_in_lines(run);
    return kDone;
  });
}

}  // namespace dagfusion
