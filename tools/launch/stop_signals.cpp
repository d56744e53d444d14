#include "tools/launch/stop_signals.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "tools/launch/exit.h"

namespace dagfusion {

namespace {

constexpr std::array kRequests = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGPIPE};

// What the handlers of all threads read.
std::atomic<const StopSignals*> target = nullptr;
std::atomic<int> handling = 0;
std::atomic<bool> asked = false;
std::atomic<int> insisted = 0;  // signals of a person: INT and TERM
static_assert(std::atomic<const StopSignals*>::is_always_lock_free && std::atomic<int>::is_always_lock_free &&
              std::atomic<bool>::is_always_lock_free);

template <std::size_t N>
void say(const char (&text)[N]) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, N - 1);
}

void ask(const StopSignals& of) {
  if (of.first == StopSignals::First::stops_at_once)
    of.run.abort();
  else
    of.run.stop();
}

void say_asked(const StopSignals* of) {
  if (of && of->says == StopSignals::Says::nothing) return;
  if (!of || of->first == StopSignals::First::stops_at_once)
    say("\nstopping\n");
  else if (of->run.checked().run.training)
    say("\nstopping: the step that has begun is finished, and saved where there is a checkpoint; once more "
        "to stop at once\n");
  else
    say("\nstopping: the images that have begun are finished; once more to stop at once\n");
}

// A pipe without a reader, a terminal that was closed: whoever writes there next would fail.
void drop_unread_outputs() {
  for (const int output : {STDOUT_FILENO, STDERR_FILENO}) {
    pollfd state{.fd = output, .events = 0, .revents = 0};
    if (::poll(&state, 1, 0) != 1 || !(state.revents & (POLLERR | POLLHUP))) continue;
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0) continue;
    ::dup2(nowhere, output);
    ::close(nowhere);
  }
}

void take_request(int signal) {
  const StopSignals* const of = target;
  const bool insists = signal == SIGINT || signal == SIGTERM;
  const int times = insists ? ++insisted : 0;
  if (!asked.exchange(true)) {
    if (of) ask(*of);
    say_asked(of);
  } else if (times == 2) {
    if (of) of->run.abort();
    say("\nstopping at once; nothing more is saved\n");
  } else if (times > 2) {
    std::_Exit(kAborted);
  }
}

extern "C" void on_request(int signal) {
  const int error = errno;
  ++handling;
  drop_unread_outputs();
  take_request(signal);
  --handling;
  errno = error;
}

extern "C" void on_file_too_large(int) {}

bool is_ignored(int signal) {
  struct sigaction now {};
  return sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

}  // namespace

void listen_for_stop() {
  struct sigaction action {};
  action.sa_handler = on_request;
  action.sa_flags = SA_RESTART;
  for (const int signal : kRequests) sigaddset(&action.sa_mask, signal);
  for (const int signal : kRequests)
    if (signal != SIGHUP || !is_ignored(SIGHUP)) sigaction(signal, &action, nullptr);
}

bool stop_asked() { return asked; }

void throw_if_stop_asked() {
  if (asked) throw Stopped();
}

StopSignals::StopSignals(Run& r, First f, Says s) : run(r), first(f), says(s) {
  target = this;
  if (asked) ask(*this);
  if (insisted > 1) run.abort();
}

StopSignals::~StopSignals() {
  target = nullptr;
  while (handling > 0) std::this_thread::yield();  // a handler on another thread may look at this still
}

void take_file_size_limit_as_error() {
  struct sigaction action {};
  action.sa_handler = on_file_too_large;
  action.sa_flags = SA_RESTART;
  sigaction(SIGXFSZ, &action, nullptr);
}

}  // namespace dagfusion
