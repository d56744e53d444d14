#include "nodes/files/confined_worker.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <opencv2/core.hpp>
#include <stdexcept>

#include "nodes/files/confined_messages.h"
#include "nodes/files/confinement.h"

namespace dagfusion {
namespace {

ConfinedAnswer done_here(const Sizes& asked, const Confined& request, Outcome& outcome) {
  try {
    return asked.work(request);
  } catch (const std::bad_alloc&) {
    outcome = Outcome::no_memory;
    return {};
  } catch (const std::exception& error) {
    outcome = Outcome::refused;
    return {error.what(), {}};
  }
}

bool answer_one(int socket) {
  Sizes asked;
  int file = -1;
  if (!receive_with_file(socket, bytes_of(asked), file)) return false;
  std::string head(asked.head, '\0');
  Bytes body(asked.body);
  if (!receive_all(socket, bytes_of_text(head)) || !receive_all(socket, body)) return false;
  Sizes made;
  const ConfinedAnswer answer = done_here(asked, {head, body, file}, made.outcome);
  if (file >= 0) ::close(file);
  made.head = answer.head.size();
  made.body = answer.body.size();
  return send_all(socket, {bytes_of(made), bytes_of_text(answer.head), answer.body});
}

[[noreturn]] void work(int socket) {
  constexpr int kSocket = 3;
  if (socket != kSocket) ::dup2(socket, kSocket);
  ::close_range(kSocket + 1, ~0U, 0);
  cv::setNumThreads(1);
  confine_this_process();
  try {
    while (answer_one(kSocket)) {
    }
  } catch (const std::bad_alloc&) {  // not even the request fitted
  }
  std::_Exit(0);
}

// Who looks for the program among the processes does not find those that read for it. argv: of this process alone, a copy.
void say_another_name(int argc, char** argv) {
  if (argc < 1) return;
  const std::string name = "reads-files";
  const std::size_t all = static_cast<std::size_t>(argv[argc - 1] + std::strlen(argv[argc - 1]) - argv[0]);
  std::memset(argv[0], 0, all);
  std::memcpy(argv[0], name.data(), std::min(all, name.size()));
}

}  // namespace

void start_workers(int control, int argc, char** argv) {
  say_another_name(argc, argv);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP})
    std::signal(signal, SIG_IGN);  // it ends with the program
  std::signal(SIGCHLD, SIG_IGN);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing, file);
  constexpr int kControl = 3;
  if (control != kControl) ::dup2(control, kControl);
  ::close_range(kControl + 1, ~0U, 0);
  char wanted = 0;
  int socket = -1;
  while (receive_with_file(kControl, bytes_of(wanted), socket)) {
    pid_t worker = socket < 0 ? -1 : ::fork();
    if (worker == 0) work(socket);
    if (socket >= 0) ::close(socket);
    if (!send_all(kControl, {bytes_of(worker)})) break;
  }
  std::_Exit(0);
}

}  // namespace dagfusion
