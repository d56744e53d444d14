#include "nodes/files/confined.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>
#include <new>
#include <opencv2/core.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "nodes/files/confinement.h"

namespace dagfusion {
namespace {

constexpr std::uint64_t kMostAnswerBytes = std::uint64_t{1} << 31, kMostHeadBytes = std::uint64_t{1} << 28;
constexpr std::time_t kMostSeconds = 120;  // of a processor, for one piece of work
constexpr int kLookEvery = 2000;           // ms

enum class Outcome : std::uint32_t { done, refused, no_memory };

struct Sizes {
  ConfinedWork work = nullptr;  // only of a request
  Outcome outcome = Outcome::done;
  std::uint64_t head = 0, body = 0;
};

// An end of a socket, closed with this object.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int file) : file_(file) {}
  Socket(Socket&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~Socket() {
    if (file_ >= 0) ::close(file_);
  }
  operator int() const { return file_; }

 private:
  int file_ = -1;
};

std::optional<std::pair<Socket, Socket>> joined_sockets() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return std::nullopt;
  return std::pair(Socket(ends[0]), Socket(ends[1]));
}

bool receive_all(int from, std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::read(from, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

template <class T>
std::span<std::uint8_t> bytes_of(T& value) {
  return {reinterpret_cast<std::uint8_t*>(&value), sizeof value};
}
std::span<const std::uint8_t> bytes_of_text(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::span<std::uint8_t> bytes_of_text(std::string& text) {
  return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
}

// All parts, one behind the other, and an open file with the first byte when there is one.
bool send_all(int to, std::vector<std::span<const std::uint8_t>> parts, int file = -1) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  for (std::size_t first = 0; first < parts.size();) {
    std::vector<iovec> left;
    for (std::size_t i = first; i < parts.size(); ++i)
      left.push_back({const_cast<std::uint8_t*>(parts[i].data()), parts[i].size()});
    msghdr message = {};
    message.msg_iov = left.data();
    message.msg_iovlen = left.size();
    if (file >= 0) {
      message.msg_control = room.data();
      message.msg_controllen = room.size();
      cmsghdr* const rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(rights), &file, sizeof file);
    }
    const ssize_t sent = ::sendmsg(to, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    file = -1;
    for (auto bytes = static_cast<std::size_t>(sent);; ++first) {
      const std::size_t here = first < parts.size() ? std::min(bytes, parts[first].size()) : 0;
      if (first == parts.size()) break;
      parts[first] = parts[first].subspan(here);
      bytes -= here;
      if (!parts[first].empty()) break;
    }
  }
  return true;
}

template <class T>
bool receive_with_file(int from, T& value, int& file) {
  iovec part = {&value, sizeof value};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(from, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof value)) return false;
  file = -1;
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  if (rights && rights->cmsg_type == SCM_RIGHTS) std::memcpy(&file, CMSG_DATA(rights), sizeof file);
  return true;
}

// --- in the worker -----------------------------------------------------------------------------------------------

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
  if (!receive_with_file(socket, asked, file)) return false;
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

// --- in the process that starts workers, which never has more than one thread ----------------------------------------

// Who looks for the program among the processes does not find those that read for it. argv: of this process alone, a copy.
void say_another_name(int argc, char** argv) {
  if (argc < 1) return;
  const std::string name = "reads-files";
  const std::size_t all = static_cast<std::size_t>(argv[argc - 1] + std::strlen(argv[argc - 1]) - argv[0]);
  std::memset(argv[0], 0, all);
  std::memcpy(argv[0], name.data(), std::min(all, name.size()));
}

[[noreturn]] void start_workers(int control) {
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
  while (receive_with_file(kControl, wanted, socket)) {
    pid_t worker = socket < 0 ? -1 : ::fork();
    if (worker == 0) work(socket);
    if (socket >= 0) ::close(socket);
    if (!send_all(kControl, {bytes_of(worker)})) break;
  }
  std::_Exit(0);
}

// --- in the program --------------------------------------------------------------------------------------------------

struct Worker {
  pid_t process = -1;
  Socket socket;
};

struct Workers {
  std::mutex mutex;
  std::optional<Socket> control;  // to the process that starts them
  pid_t owner = -1;               // a process forked from it has none
  std::vector<Worker> idle;
};

Workers& workers() {
  static auto* all = new Workers;  // outlives whatever reads in the end
  return *all;
}

// Nothing where none can be had.
std::optional<Worker> take_worker() {
  Workers& all = workers();
  const std::lock_guard lock(all.mutex);
  if (!all.control || all.owner != ::getpid()) return std::nullopt;
  if (!all.idle.empty()) {
    Worker taken = std::move(all.idle.back());
    all.idle.pop_back();
    return taken;
  }
  auto ends = joined_sockets();
  if (!ends) return std::nullopt;
  Worker made{-1, std::move(ends->first)};
  int none = -1;
  char wanted = 'w';
  if (!send_all(*all.control, {bytes_of(wanted)}, ends->second) ||
      !receive_with_file(*all.control, made.process, none) || made.process < 0)
    return std::nullopt;
  return made;
}

std::time_t seconds_of(pid_t process) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return 0;
  return used.tv_sec;
}

void wait_for_answer(const Worker& worker) {
  pollfd answer = {worker.socket, POLLIN, 0};
  const int soon = ::poll(&answer, 1, kLookEvery);
  if (soon > 0) return;
  const std::time_t begun = seconds_of(worker.process);
  while (::poll(&answer, 1, kLookEvery) == 0)
    if (seconds_of(worker.process) - begun > kMostSeconds) {
      ::kill(worker.process, SIGKILL);
      throw std::runtime_error(
          fmt::format("takes more than {} seconds of a processor to read, and is given up", kMostSeconds));
    }
}

[[noreturn]] void crashed() {
  throw std::runtime_error("is damaged: reading it crashed the library that reads such files");
}

struct Reply {
  Outcome outcome = Outcome::done;
  ConfinedAnswer answer;
};

Reply reply_of(const Worker& worker, ConfinedWork work, const Confined& request) {
  Sizes sizes{work, Outcome::done, request.head.size(), request.body.size()};
  if (!send_all(worker.socket, {bytes_of(sizes), bytes_of_text(request.head), request.body}, request.file))
    crashed();
  wait_for_answer(worker);
  Sizes made;
  if (!receive_all(worker.socket, bytes_of(made)) || made.head > kMostHeadBytes ||
      made.body > kMostAnswerBytes)
    crashed();
  Reply reply{made.outcome, {}};
  reply.answer.head.resize(made.head);
  reply.answer.body.resize(made.body);
  if (!receive_all(worker.socket, bytes_of_text(reply.answer.head)) ||
      !receive_all(worker.socket, reply.answer.body))
    crashed();
  return reply;
}

void give_back(Worker worker) {
  Workers& all = workers();
  const std::lock_guard lock(all.mutex);
  all.idle.push_back(std::move(worker));
}

}  // namespace

void start_confinement(int argc, char** argv) {
  Workers& all = workers();
  auto ends = joined_sockets();
  if (all.control || !ends) return;
  const pid_t starter = ::fork();
  if (starter == 0) {
    say_another_name(argc, argv);
    start_workers(ends->second);
  }
  if (starter < 0) return;
  all.control = std::move(ends->first);
  all.owner = ::getpid();
}

ConfinedAnswer confined(ConfinedWork work, const Confined& request) {
  std::optional<Worker> worker = take_worker();
  if (!worker) return work(request);
  Reply reply = reply_of(*worker, work, request);
  give_back(std::move(*worker));  // one that has crashed is not
  switch (reply.outcome) {
    case Outcome::done:
      return std::move(reply.answer);
    case Outcome::refused:
      throw std::runtime_error(reply.answer.head);
    case Outcome::no_memory:
      break;
  }
  throw std::runtime_error("needs more memory to be read than there is for it");
}

std::string confinement_in_words() {
  if (!workers().control) return "none";
  const std::string means = means_of_confinement();
  return means.empty() ? "a process of its own" : means;
}

std::string confinement_warning() { return workers().control ? said_of_missing(means_of_confinement()) : ""; }

void put_text(std::string& head, const std::string& text) {
  put(head, text.size());
  head += text;
}

std::string TakenFrom::text() {
  const auto bytes = value<std::size_t>();
  if (bytes > left_.size()) throw std::runtime_error("is damaged: the answer about it is cut short");
  std::string made(left_.substr(0, bytes));
  left_.remove_prefix(bytes);
  return made;
}

void TakenFrom::copy(void* to, std::size_t bytes) {
  if (bytes > left_.size()) throw std::runtime_error("is damaged: the answer about it is cut short");
  std::memcpy(to, left_.data(), bytes);
  left_.remove_prefix(bytes);
}

}  // namespace dagfusion
