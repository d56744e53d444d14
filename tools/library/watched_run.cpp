#include "tools/library/watched_run.h"

#include <chrono>
#include <future>
#include <mutex>

#include "tools/report/live_report.h"

namespace dagfusion {

namespace {

constexpr std::chrono::milliseconds kBetweenLooks{50};

// The run of the moment, for both threads.
class Watched {
 public:
  void begins(Run* run) {
    const std::lock_guard lock(mutex_);
    run_ = run;
    tell();
  }
  void ends() {
    const std::lock_guard lock(mutex_);
    run_ = nullptr;
  }
  void wish(Wish wish) {
    const std::lock_guard lock(mutex_);
    if (wish <= wish_) return;
    wish_ = wish;
    tell();
  }
  std::optional<Progress> progress() {
    const std::lock_guard lock(mutex_);
    return run_ ? std::optional(run_->progress()) : std::nullopt;
  }

 private:
  void tell() {
    if (run_ && wish_ == Wish::stop) run_->stop();
    if (run_ && wish_ == Wish::stop_at_once) run_->abort();
  }

  std::mutex mutex_;
  Run* run_ = nullptr;
  Wish wish_ = Wish::go_on;
};

RunResult run_here(const Invocation& request, Watched& watched) {
  Launch made = launch(request);
  RunResult result;
  if (made.directory) result.directory = made.directory->path().string();
  result.notes = made.notes;
  if (!made.run) {
    result.report.told.push_back(made.finished);
    return result;
  }
  LiveReport page(made);
  struct Ends {
    Watched& of;
    ~Ends() { of.ends(); }
  } ends{watched};
  watched.begins(made.run.get());
  result.report = made.run->run();
  if (result.report.outcome != Report::Outcome::aborted) page.finish();
  return result;
}

}  // namespace

Invocation invocation_of(const Pipeline& pipeline) {
  Invocation request;
  request.file = pipeline.file;
  request.resume = pipeline.resume;
  request.threads = pipeline.threads;
  for (const std::string& text : pipeline.set) request.overrides.push_back({Override::Kind::set, text});
  for (const std::string& text : pipeline.add) request.overrides.push_back({Override::Kind::add, text});
  for (const std::string& text : pipeline.remove) request.overrides.push_back({Override::Kind::remove, text});
  return request;
}

RunResult run_watched(const Invocation& request, const std::function<Wish(const Progress*)>& look) {
  Watched watched;
  std::future<RunResult> running = std::async(std::launch::async, [&] { return run_here(request, watched); });
  try {
    while (running.wait_for(kBetweenLooks) != std::future_status::ready) {
      const std::optional<Progress> now = watched.progress();
      watched.wish(look(now ? &*now : nullptr));
    }
  } catch (...) {
    watched.wish(Wish::stop_at_once);
    running.wait();
    throw;
  }
  RunResult result = running.get();
  look(&result.report.progress);
  return result;
}

}  // namespace dagfusion
