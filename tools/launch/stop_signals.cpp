#include "tools/launch/stop_signals.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>

#include "tools/launch/exit.h"

namespace dagfusion {

namespace {

std::atomic<Run*> running = nullptr;
std::atomic<int> signals = 0;
static_assert(std::atomic<Run*>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

template <std::size_t N>
void say(const char (&text)[N]) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, N - 1);
}

extern "C" void on_signal(int) {
  Run* const run = running;
  const int count = ++signals;
  if (!run || count > 2) std::_Exit(kAborted);
  if (count == 1) {
    run->stop();
    say("\nstopping: the step that has begun is finished, and saved where there is a checkpoint; once more "
        "to stop at once\n");
  } else {
    run->abort();
    say("\nstopping at once; nothing more is saved\n");
  }
}

}  // namespace

StopSignals::StopSignals(Run& run) {
  running = &run;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&action.sa_mask, signal);
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

StopSignals::~StopSignals() { running = nullptr; }

}  // namespace dagfusion
