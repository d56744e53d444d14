// --ranks: mpirun with what our ranks need of it.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "graph/document/fault.h"
#include "tools/launch/exit.h"
#include "tools/launch/ranks.h"

namespace dagfusion {

namespace {

volatile std::sig_atomic_t launcher = 0;  // its process
volatile std::sig_atomic_t requests = 0;

// mpirun ends its ranks a second after INT and TERM; USR1 it sends on to them.
extern "C" void pass_on(int) {
  requests = requests + 1;
  if (launcher > 0) kill(static_cast<pid_t>(launcher), requests == 1 ? SIGUSR1 : SIGTERM);
}

bool is_there(const std::string& program) {
  const std::string path = std::getenv("PATH") ? std::getenv("PATH") : "/usr/bin";
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    if (access((path.substr(at, end - at) + "/" + program).c_str(), X_OK) == 0) return true;
    at = end + 1;
  }
  return false;
}

// A container's user is root, and its ranks may not read each other's memory.
void set_for_open_mpi() {
  if (geteuid() == 0) {
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
  }
  setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
}

// Over the network that is named both its own messages go and those of the ranks.
std::vector<std::string> with_open_mpi(const std::string& program, const std::string& count,
                                       const Placement& where) {
  set_for_open_mpi();
  std::vector<std::string> command = {program, "-q", "-n", count, "--bind-to", "none", "--oversubscribe"};
  if (!where.hosts.empty()) command.insert(command.end(), {"--host", where.hosts, "--map-by", "node"});
  if (!where.network.empty())
    for (const char* uses : {"btl_tcp_if_include", "oob_tcp_if_include"})
      command.insert(command.end(), {"--mca", uses, where.network});
  return command;
}

std::vector<std::string> with_mpich(const std::string& program, const std::string& count,
                                    const Placement& where) {
  std::vector<std::string> command = {program, "-n", count};
  if (!where.hosts.empty()) command.insert(command.end(), {"-hosts", where.hosts});
  if (!where.network.empty()) command.insert(command.end(), {"-iface", where.network});
  return command;
}

std::vector<std::string> launcher_command(int ranks, const Placement& where) {
  const std::string count = std::to_string(ranks);
  // Debian's mpirun is MPICH's where that is the only one: a plain mpirun comes last.
  if (is_there("mpirun.openmpi")) return with_open_mpi("mpirun.openmpi", count, where);
  if (is_there("mpiexec.mpich")) return with_mpich("mpiexec.mpich", count, where);
  if (is_there("mpirun")) return with_open_mpi("mpirun", count, where);
  throw UserError(
      {},
      "--ranks needs an MPI to start them with, and there is no mpirun: apt-get install openmpi-bin "
      "libopenmpi-dev, and build again");
}

bool lives(const std::string& process) {
  std::ifstream file("/proc/" + process + "/stat");
  std::string stat;
  std::getline(file, stat);
  const std::size_t state = stat.rfind(')') + 2;
  return state < stat.size() && stat[state] != 'Z' && stat[state] != 'X';
}

bool has_living_children(pid_t process) {
  std::error_code ignored;
  for (const auto& thread :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", process), ignored)) {
    std::ifstream children(thread.path() / "children");
    for (std::string child; children >> child;)
      if (lives(child)) return true;
  }
  return false;
}

// What is started: a launcher of ranks, or one rank that needs none.
enum class Starts { ranks, one_alone };

// An mpirun of which a rank is killed at its start may wait for a lock of its own for ever, when all ranks have ended.
class Started {
 public:
  Started(pid_t process, Starts what) : process_(process), what_(what) {}

  // Its exit code.
  int wait() {
    int status = 0;
    for (int seconds_without_ranks = 0; !has_ended(status);) {
      const bool ranks = what_ == Starts::ranks && has_living_children(process_);
      had_ranks_ = had_ranks_ || ranks;
      seconds_without_ranks = ranks || !had_ranks_ ? 0 : seconds_without_ranks + 1;
      if (seconds_without_ranks <= kPatience) continue;
      fmt::print(stderr, "run-pipeline: all ranks have ended, and their launcher has not: it is ended too\n");
      kill(process_, SIGKILL);
      waitpid(process_, &status, 0);
      return kFailed;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : kAborted;
  }

 private:
  static constexpr int kPatience = 10;  // seconds; it may take three of them to end by itself

  // Looks for about a second.
  bool has_ended(int& status) const {
    constexpr int kLooks = 100;
    const timespec between{.tv_sec = 0, .tv_nsec = 1'000'000'000 / kLooks};
    for (int look = 0; look < kLooks; ++look) {
      if (waitpid(process_, &status, WNOHANG) == process_) return true;
      nanosleep(&between, nullptr);
    }
    return false;
  }

  const pid_t process_;
  const Starts what_;
  bool had_ranks_ = false;
};

// Waits for it; signals to this process are passed on while it is there.
int start_and_wait(std::vector<std::string> all, Starts what, bool quietly) {
  std::vector<char*> arguments;
  for (std::string& one : all) arguments.push_back(one.data());
  arguments.push_back(nullptr);
  requests = 0;
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("there is no memory for another process");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);  // no run goes on that nobody can stop
    if (!quietly) setpgid(0, 0);       // the terminal's Ctrl-C is for the process that waits here
    if (quietly) dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  launcher = child;
  const int exit = Started(child, what).wait();
  launcher = 0;
  return exit;
}

std::vector<std::string> under_launcher(int ranks, const Placement& where,
                                        const std::vector<std::string>& command) {
  std::vector<std::string> all = launcher_command(ranks, where);
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

}  // namespace

int start_quietly(int ranks, const std::vector<std::string>& command) {
  if (ranks == 1) return start_and_wait(command, Starts::one_alone, true);
  return start_and_wait(under_launcher(ranks, {}, command), Starts::ranks, true);
}

int launch_ranks(int ranks, const Placement& where, const std::vector<std::string>& command) {
  struct sigaction action {};
  action.sa_handler = pass_on;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaction(signal, &action, nullptr);
  return start_and_wait(under_launcher(ranks, where, command), Starts::ranks, false);
}

}  // namespace dagfusion
