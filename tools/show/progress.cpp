#include "tools/show/progress.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "tools/show/terminal.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int kLongestBar = 24, kShortestBar = 8;
constexpr int kUsualColumns = 80;
constexpr Clock::duration kBetweenLines = 30s;
constexpr double kSecondsToEstimate = 5;  // before which a rate says little

std::vector<std::string> words_of(const Moment& moment) {
  const Progress& p = moment.progress;
  std::vector<std::string> words;
  if (p.all_steps > 0)
    words.push_back(fmt::format("step {}/{}", p.steps, p.all_steps));
  else if (p.all_images >= 0)
    words.push_back(fmt::format("image {}/{}", p.images, p.all_images));
  else
    words.push_back(counted(p.images, "image"));
  if (p.pause_part >= 0)
    words.push_back(fmt::format("{} {:.0f}%", p.pause, 100 * p.pause_part));
  else if (!p.pause.empty())
    words.push_back(p.pause);
  if (p.has_loss) words.push_back(fmt::format("loss {:.4f}", p.loss));
  if (moment.rate > 0) words.push_back(rate_in_words(moment.rate));
  if (moment.left >= 0) words.push_back(in_words(moment.left) + " left");
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, "  "));
}

bool can_move() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDERR_FILENO) && terminal && *terminal && std::string_view(terminal) != "dumb";
}

// How fast images come, from the first one on: what was made ready before it does not count, nor do pauses.
class ImageRate {
 public:
  Moment at(const Progress& p) {
    const Clock::time_point now = Clock::now();
    if (!begin_ && p.images > 0) begin_ = now, first_ = p.images, paused_ = p.paused;
    Moment moment{.progress = p};
    if (!begin_) return moment;
    elapsed_ = std::chrono::duration<double>(now - *begin_).count() - (p.paused - paused_);
    if (elapsed_ <= 0 || p.images <= first_) return moment;
    moment.rate = static_cast<double>(p.images - first_) / elapsed_;
    if (p.all_images > 0)
      moment.left = static_cast<double>(p.all_images - p.images) / moment.rate + p.pauses_to_come;
    return moment;
  }
  bool settled() const { return elapsed_ > kSecondsToEstimate; }

 private:
  std::optional<Clock::time_point> begin_;
  std::int64_t first_ = 0;
  double elapsed_ = 0, paused_ = 0;
};

}  // namespace

std::string line_of(const Moment& moment) { return joined(words_of(moment)); }

std::string moving_line(const Moment& moment, int columns) {
  const int room = std::max(columns - 1, 0);  // the last column stays free: a full line would wrap
  std::vector<std::string> words = words_of(moment);
  while (words.size() > 1 && static_cast<int>(joined(words).size()) > room) words.pop_back();
  const std::string text = joined(words).substr(0, static_cast<std::size_t>(room));
  constexpr int kBrackets = 3;  // "[", "] "
  const int bar = std::min(room - static_cast<int>(text.size()) - kBrackets, kLongestBar);
  if (bar < kShortestBar) return text;
  const Progress& p = moment.progress;
  const double part =
      p.all_images > 0 ? static_cast<double>(p.images) / static_cast<double>(p.all_images) : 0;
  const auto filled = static_cast<std::size_t>(std::clamp(part, 0.0, 1.0) * bar);
  return fmt::format("[{}{}] {}", std::string(filled, '#'),
                     std::string(static_cast<std::size_t>(bar) - filled, '.'), text);
}

ProgressDisplay::ProgressDisplay(const Run& run, std::FILE* lines)
    : run_(run), lines_(lines), moves_(can_move()) {
  thread_ = std::thread([this] {
    try {
      show();
    } catch (const std::exception&) {  // the terminal has gone: the run does without
    }
  });
}

void ProgressDisplay::show() {
  ImageRate rate;
  Clock::time_point last = Clock::now();
  bool estimated = false;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, moves_ ? 200ms : 500ms, [&] { return over_; })) {
    const Moment moment = rate.at(run_.progress());
    if (moves_) {
      fmt::print(stderr, "\r\033[K{}",
                 moving_line(moment, columns_of(STDERR_FILENO).value_or(kUsualColumns)));
      std::fflush(stderr);
      continue;
    }
    if (!estimated && rate.settled() && moment.left >= 0) {
      estimated = true;
      fmt::print(lines_, "about {} to the end, {}\n", in_words(moment.left), rate_in_words(moment.rate));
      std::fflush(lines_);
    }
    if (Clock::now() - last < kBetweenLines) continue;
    last = Clock::now();
    fmt::print(lines_, "{}\n", line_of(moment));
    std::fflush(lines_);
  }
  if (moves_) fmt::print(stderr, "\r\033[K");
}

ProgressDisplay::~ProgressDisplay() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

}  // namespace dagfusion
