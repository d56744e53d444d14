#include "graph/cluster/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "graph/cluster/gather.h"
#include "graph/cluster/signs_of_life.h"
#include "graph/cluster/tags.h"
#include "graph/values/clock.h"

namespace dagfusion {

namespace {

using namespace std::chrono_literals;

constexpr int kFailed = 1;             // exit code
constexpr auto kShortestPause = 50us;  // between two looks, while something is under way
constexpr auto kLongestPause = 500us;  // which no network fills a socket's buffer in
constexpr auto kStandingPause = 20ms;  // while nothing is
constexpr std::int64_t kFirstSpeaksFirst =
    300'000'000;  // nanoseconds; where all fail in the same way, the first rank's own message is the one to read
constexpr auto kToBeEnded = 10s;  // that a rank which has failed waits for the first one to end all

class SendFailure final : public Job {
 public:
  explicit SendFailure(const std::string& message) {
    text_[message.copy(text_.data(), text_.size() - 1)] = 0;
  }
  bool advance(Transport& transport) override {
    if (request_ < 0) request_ = transport.send(0, kFailure, std::as_bytes(std::span(text_)));
    return transport.done(request_);
  }

 private:
  Failures::Message text_{};
  Transport::Request request_ = -1;
};

}  // namespace

Cluster::Cluster(std::function<std::unique_ptr<Transport>()> open, Patience patience,
                 const std::string& advice)
    : named_(patience.named), ended_(patience.ended) {
  thread_ = std::thread([this, open = std::move(open)] { run(open); });
  wait_until_open(advice);
  if (!not_opened_) return;
  thread_.join();
  std::rethrow_exception(not_opened_);
}

void Cluster::be_patient(Patience patience) {
  named_ = patience.named;
  ended_ = patience.ended;
}

void Cluster::say(const std::string& message) const {
  std::fprintf(stderr, "run-pipeline: %s\n", message.c_str());
}

// Where a launcher has started processes on hosts between which no message comes through, every library of MPI waits for ever.
void Cluster::wait_until_open(const std::string& advice) {
  std::unique_lock lock(mutex_);
  const auto opened = [&] { return opened_; };
  const Patience patience = this->patience();
  const auto seconds = [](double s) { return std::chrono::duration<double>(std::max(s, 0.0)); };
  if (something_.wait_for(lock, seconds(patience.named), opened)) return;
  if (!advice.empty())
    say(fmt::format("the ranks have not reached each other for {:.0f} seconds; {}", patience.named, advice));
  if (something_.wait_for(lock, seconds(patience.ended - patience.named), opened)) return;
  if (!advice.empty())
    say(fmt::format("the ranks have not reached each other for {:.0f} seconds: all are ended",
                    patience.ended));
  std::_Exit(kFailed);  // its launcher ends the others
}

Cluster::~Cluster() {
  if (thread_.joinable()) end(End::abort);
}

void Cluster::end_all(int exit) {
  end_exit_ = exit;
  end(End::abort);
}

void Cluster::end(End how) {
  {
    const std::lock_guard lock(mutex_);
    end_ = how;
  }
  something_.notify_all();
  thread_.join();
}

std::string Cluster::name_of(int rank) const {
  const auto at = static_cast<std::size_t>(rank);
  return at < hosts_.size() ? fmt::format("rank {} ({})", rank, hosts_[at]) : fmt::format("rank {}", rank);
}

void Cluster::end_with(const std::string& message, int exit) noexcept {
  std::fflush(stdout);
  if (!message.empty()) std::fprintf(stderr, "run-pipeline: %s\n", message.c_str());
  std::fflush(stderr);
  transport_->abort(exit);
  std::_Exit(exit);
}

void Cluster::run(const std::function<std::unique_ptr<Transport>()>& open) {
  std::exception_ptr thrown;
  try {
    transport_ = open();
    rank_ = transport_->rank();
    size_ = transport_->size();
    watch();
  } catch (...) {
    thrown = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    not_opened_ = thrown;
    opened_ = true;
  }
  something_.notify_all();
  if (thrown) return;
  try {
    for (;;) {
      take_started();
      const End end = [&] {
        const std::lock_guard lock(mutex_);
        return end_;
      }();
      if (end == End::leave) return transport_->leave();
      if (end == End::abort) end_with("", end_exit_);
      end_where_another_failed();
      pause(advance_all());
    }
  } catch (const std::exception& e) {
    end_with(fmt::format("{}: {}", name_of(rank_), e.what()), kFailed);
  }
}

void Cluster::watch() {
  jobs_.push_back(std::make_shared<SignsOfLife>(*transport_, [this, named = -1](
                                                                 SignsOfLife::Silence silence) mutable {
    if (silence.seconds < named_) return;
    if (named != silence.rank)
      say(fmt::format("no sign of life from {} for {:.0f} seconds", name_of(silence.rank), silence.seconds));
    named = silence.rank;
    if (silence.seconds >= ended_)
      end_with(fmt::format("{} has given no sign of life for {:.0f} seconds: all are ended; --resume goes on "
                           "from the newest checkpoint, on any number of ranks",
                           name_of(silence.rank), silence.seconds),
               kFailed);
  }));
  if (rank_ == 0)
    jobs_.push_back(std::make_shared<Failures>([this](int rank, const std::string& message) {
      if (!told_failure_.empty()) return;
      told_failure_ = fmt::format("{}: {}", name_of(rank), message);
      told_at_ = clock_now();
    }));
}

void Cluster::end_where_another_failed() {
  if (told_failure_.empty() || failing_ || clock_now() - told_at_ < kFirstSpeaksFirst) return;
  end_with(told_failure_, kFailed);
}

void Cluster::take_started() {
  const std::lock_guard lock(mutex_);
  if (!started_.empty()) idle_rounds_ = 0;
  jobs_.insert(jobs_.end(), started_.begin(), started_.end());
  started_.clear();
}

bool Cluster::advance_all() {
  const std::size_t before = jobs_.size();
  std::erase_if(jobs_, [&](const std::shared_ptr<Job>& job) {
    if (!job->advance(*transport_)) return false;
    job->done_ = true;
    job->done_.notify_all();
    return true;
  });
  return jobs_.size() < before;
}

// A message moves only when somebody looks; looking all the time would take a core from the nodes.
void Cluster::pause(bool moved) {
  const std::size_t standing = rank_ == 0 ? 2 : 1;
  idle_rounds_ = moved ? 0 : std::min(idle_rounds_ + 1, 10);
  const bool busy = jobs_.size() > standing;
  const auto longest =
      busy ? std::min<std::chrono::microseconds>(kShortestPause * (idle_rounds_ + 1), kLongestPause)
           : std::chrono::microseconds(kStandingPause);
  std::unique_lock lock(mutex_);
  something_.wait_for(lock, longest, [&] { return !started_.empty() || end_ != End::none; });
}

void Cluster::start(std::shared_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    started_.push_back(std::move(job));
  }
  something_.notify_all();
}

std::vector<std::string> Cluster::gather(std::string mine) {
  const auto job = std::make_shared<Gather>(std::move(mine));
  start(job);
  job->wait();
  return job->take();
}

void Cluster::fail(const std::string& message) {
  if (!first()) {
    start(std::make_shared<SendFailure>(message));
    std::this_thread::sleep_for(kToBeEnded);
  }
  end_with(first() ? message : fmt::format("{}: {}", name_of(rank_), message), kFailed);
}

void Cluster::leave() {
  gather("");
  end(End::leave);
}

}  // namespace dagfusion
