#include "tools/bench/pauses.h"

#include <time.h>

#include <thread>
#include <vector>

#include "tools/bench/allocations.h"

namespace dagfusion {

namespace {

using Clock = std::chrono::steady_clock;

double processor_time() {  // of this thread
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

thread_local int depth = 0;  // a task that waits inside for others may meet a second one on its thread
thread_local std::int64_t allocations_before = 0;

}  // namespace

double now() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

// Whoever begins a task says so first and looks then whether tasks are held; hold() does it the other way
// round. One of the two sees the other.
void Pauses::begins(const TaskVisit& visit) noexcept {
  if (depth++ > 0) return;
  ++running_;
  while (held_) {
    std::unique_lock lock(mutex_);
    if (--running_ == 0) changed_.notify_all();
    ++waiting_;
    waited_since_ += now();
    changed_.wait(lock, [&] { return !held_; });
    ++running_;
  }
  if (visit.in_model() && entered_ == 0) {
    std::int64_t none = 0;
    entered_.compare_exchange_strong(none, Clock::now().time_since_epoch().count());
  }
  allocations_before = allocations_of_this_thread();
}

void Pauses::ends(const TaskVisit& visit) noexcept {
  if (--depth > 0) return;
  const std::int64_t made = allocations_of_this_thread() - allocations_before;
  if (made > 0) {
    const std::lock_guard lock(mutex_);
    allocations_[visit.type()] += made;
  }
  if (--running_ > 0 || !held_) return;
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

double Pauses::hold() {
  std::unique_lock lock(mutex_);
  waiting_ = 0;
  waited_since_ = 0;
  held_ = true;
  changed_.wait(lock, [&] { return running_ == 0; });
  return waiting_ * now() - waited_since_;
}

void Pauses::release() {
  const std::lock_guard lock(mutex_);
  held_ = false;
  changed_.notify_all();
}

double Pauses::model_entered() const {
  return std::chrono::duration<double>(Clock::duration(entered_.load())).count();
}

std::map<std::string, std::int64_t> Pauses::allocations_by_type() const {
  const std::lock_guard lock(mutex_);
  return allocations_;
}

Peak measure_peak(int threads, double seconds, PeakLoop loop) {
  std::vector<Peak> each(static_cast<std::size_t>(threads));
  std::vector<std::thread> workers;
  for (Peak& one : each)
    workers.emplace_back([&one, seconds, loop] {
      float sink = 0;
      std::int64_t operations = 0;
      double begin = now();
      while (now() - begin < seconds / 4) loop(20000, &sink);  // until all are running
      const double busy = processor_time();
      begin = now();
      while (now() - begin < seconds) operations += loop(20000, &sink);
      const double spent = now() - begin;
      one = {static_cast<double>(operations) / spent, (processor_time() - busy) / spent};
    });
  for (std::thread& w : workers) w.join();
  Peak all;
  for (const Peak& one : each) all.rate += one.rate, all.busy += one.busy / threads;
  return all;
}

}  // namespace dagfusion
