#include "nodes/files/confined.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <ctime>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "nodes/files/confined_messages.h"
#include "nodes/files/confined_worker.h"
#include "nodes/files/confinement.h"

namespace dagfusion {
namespace {

constexpr std::uint64_t kMostAnswerBytes = std::uint64_t{1} << 31, kMostHeadBytes = std::uint64_t{1} << 28;
constexpr std::time_t kMostSeconds = 120;  // of a processor, for one piece of work
constexpr int kLookEvery = 2000;           // ms

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
      !receive_with_file(*all.control, bytes_of(made.process), none) || made.process < 0)
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
  if (starter == 0) start_workers(ends->second, argc, argv);
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
