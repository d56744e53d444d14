// Several processes that a launcher started (mpirun, srun) and that share one run.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "graph/cluster/cluster.h"

namespace dagfusion {

// What a launcher says in the environment of each process: how many it has started; 1 where there is none.
int launched_processes();
// Where something was launched that only one process can do: a UserError, on each of them.
void refuse_ranks(const std::string& command);

// Joins the processes of the launcher, with the library of its MPI; null where there is one process. Throws UserError.
// What is 0 stands for the default.
std::unique_ptr<Cluster> join_ranks(Patience);

// What has ended the run of all ranks before it began, and is known to all of them; the first one says it.
class Agreed final : public std::exception {
 public:
  Agreed(int exit, std::string message) : exit_(exit), message_(std::move(message)) {}
  int exit() const { return exit_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  int exit_;
  std::string message_;
};

// work() on all ranks: where it throws on any of them, Agreed is thrown on all. Everybody calls it at the same places.
void agree(Cluster&, const std::function<void()>& work);

// What a rank computes with, by name: the machine's part and the run's.
struct RankFacts {
  std::string host;
  int cores = 1, allowed = 1, threads = 1;
  std::vector<std::pair<std::string, std::string>>
      same;  // must be the same on all ranks: "the instruction set", "avx2"
};
// Lines to show before the run. Throws UserError, naming the host, where two ranks differ in what must be the same.
std::vector<std::string> compare_ranks(Cluster&, const RankFacts& mine);

std::string host_name();

// Where a launcher starts them.
struct Placement {
  std::string hosts;    // "a,b"; empty: this machine
  std::string network;  // between them: "eth0" or "10.0.0.0/8"; empty: as MPI finds it
};

// run-pipeline FILE … --ranks 4: the same command under a launcher; Ctrl-C reaches the ranks as a request to stop.
// Comes back with its exit code. Throws UserError where there is none.
int launch_ranks(int ranks, const Placement&, const std::vector<std::string>& command);
// The same, with nothing of what it prints but its mistakes; one rank without a launcher.
int start_quietly(int ranks, const std::vector<std::string>& command);

}  // namespace dagfusion
