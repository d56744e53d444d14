// --ranks: mpirun with what our ranks need of it.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

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

// Waits for it; signals to this process are passed on while it is there.
int start_and_wait(std::vector<std::string> all, bool quietly) {
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
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  launcher = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kAborted;
}

std::vector<std::string> under_launcher(int ranks, const Placement& where,
                                        const std::vector<std::string>& command) {
  std::vector<std::string> all = launcher_command(ranks, where);
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

}  // namespace

int start_quietly(int ranks, const std::vector<std::string>& command) {
  return start_and_wait(ranks > 1 ? under_launcher(ranks, {}, command) : command, true);
}

int launch_ranks(int ranks, const Placement& where, const std::vector<std::string>& command) {
  struct sigaction action {};
  action.sa_handler = pass_on;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaction(signal, &action, nullptr);
  return start_and_wait(under_launcher(ranks, where, command), false);
}

}  // namespace dagfusion
