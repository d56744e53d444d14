// The processes that share a run, seen from one of them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "graph/cluster/transport.h"

namespace dagfusion {

// Something that several processes do together; the thread of the cluster carries it on a little at a time.
class Job {
 public:
  virtual ~Job() = default;
  void wait() const { done_.wait(false); }
  bool done() const { return done_; }
  void again() { done_ = false; }        // before it is started once more
  virtual bool advance(Transport&) = 0;  // in the thread of the cluster; true: it is done. Never waits.

 private:
  friend class Cluster;
  std::atomic<bool> done_{false};
};

// How long a process may give no sign of life, in seconds.
struct Patience {
  double named = 60;   // then the first process names it
  double ended = 600;  // then all are ended
};

class Cluster {
 public:
  // `open` is called in the thread that makes all calls of the transport. Throws what it throws. `advice`: said to the
  // user where it does not come back, since processes do not reach each other; "" = another rank says it.
  explicit Cluster(std::function<std::unique_ptr<Transport>()> open, Patience = {},
                   const std::string& advice = "");
  ~Cluster();  // without leave(): ends every process of the run

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool first() const { return rank_ == 0; }
  Patience patience() const { return {named_, ended_}; }
  void be_patient(Patience);

  void start(std::shared_ptr<Job>);  // never the same again before it is done
  // What everybody gave, by rank; everybody calls it, at the same places of the program.
  std::vector<std::string> gather(std::string mine);
  void name_hosts(std::vector<std::string> hosts) { hosts_ = std::move(hosts); }  // by rank, for messages
  std::string name_of(int rank) const;                                            // "rank 2 (host)"
  void say(const std::string& message) const;  // a warning, on standard error
  // The end of the run, for all: a message goes to the first rank, which prints it.
  [[noreturn]] void fail(const std::string& message);
  void end_all(int exit);              // without leave(): the others are not needed any more
  void failing() { failing_ = true; }  // the first rank is about to print a message of its own
  void leave();                        // everybody has done all; comes back when all are here

 private:
  enum class End { none, leave, abort };
  void end(End);
  void wait_until_open(const std::string& advice);
  void run(const std::function<std::unique_ptr<Transport>()>& open);
  void watch();
  void end_where_another_failed();
  void take_started();
  bool advance_all();
  void pause(bool moved);
  [[noreturn]] void end_with(const std::string& message, int exit) noexcept;

  std::atomic<double> named_, ended_;  // seconds, see Patience
  int rank_ = 0, size_ = 1;
  std::vector<std::string> hosts_;
  std::unique_ptr<Transport> transport_;  // of the thread, with the jobs
  std::vector<std::shared_ptr<Job>> jobs_;
  int idle_rounds_ = 0;
  std::string told_failure_;  // of another rank, to the first
  std::int64_t told_at_ = 0;  // nanoseconds of the steady clock
  std::mutex mutex_;          // of what follows
  std::condition_variable something_;
  std::vector<std::shared_ptr<Job>> started_;
  End end_ = End::none;
  int end_exit_ = 1;
  bool opened_ = false;
  std::exception_ptr not_opened_;
  std::atomic<bool> failing_{false};
  std::thread thread_;
};

}  // namespace dagfusion
