#include "tools/launch/ranks.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "graph/document/fault.h"
#include "graph/values/what_of.h"
#include "tools/launch/exit.h"
#include "tools/launch/networks.h"
#include "tools/show/faults.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

struct Launcher {
  const char* variable;  // holds the number of processes
  const char* rank;      // and this one the rank of each
  const char* library;   // of ours, for its MPI
  const char* name;
};

// The first that is set counts: an mpirun inside a job of Slurm has started these processes, not srun.
constexpr std::array kLaunchers = {
    Launcher{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "libdagfusion_openmpi.so", "mpirun of Open MPI"},
    Launcher{"PMI_SIZE", "PMI_RANK", "libdagfusion_mpich.so", "mpiexec of MPICH"},
    Launcher{"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "libdagfusion_openmpi.so", "srun"},
};

int number_in(const char* variable) {
  const char* text = std::getenv(variable);
  return text ? std::max(1, std::atoi(text)) : 1;
}

const Launcher* launcher() {
  for (const Launcher& one : kLaunchers)
    if (std::getenv(one.variable)) return &one;
  return nullptr;
}

// Beside the program, where it was built, or where it was installed.
fs::path library_of(const Launcher& launcher) {
  std::error_code ignored;
  const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& folder : {here, here / "../lib/dagfusion"})
    if (fs::exists(folder / launcher.library, ignored)) return folder / launcher.library;
  throw UserError(
      {}, fmt::format(
              "{} has started {} processes, but there is no {} beside {}: this program was built "
              "without that MPI; install {} and build again, or start one process",
              launcher.name, number_in(launcher.variable), launcher.library, here.string(),
              launcher.library == std::string("libdagfusion_mpich.so") ? "libmpich-dev" : "libopenmpi-dev"));
}

OpenTransport open_library(const fs::path& path) {
  // MPI opens parts of its own, which look for its symbols among all.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!library) throw UserError({}, fmt::format("{} cannot be opened: {}", path.string(), dlerror()));
  return reinterpret_cast<OpenTransport>(dlsym(library, kOpenTransport));
}

void refuse_singletons(const Launcher& by, int connected) {
  const int started = number_in(by.variable);
  if (connected == started) return;
  throw UserError(
      {}, fmt::format("{} has started {} processes, but MPI connects {} of them: each would be a run of its "
                      "own; use srun --mpi=pmix (srun --mpi=list shows what there is), or the mpirun of the "
                      "same MPI",
                      by.name, started, connected));
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

int launched_processes() {
  const Launcher* by = launcher();
  return by ? number_in(by->variable) : 1;
}

void refuse_ranks(const std::string& command) {
  if (launched_processes() == 1) return;
  throw UserError(
      {}, fmt::format("{} processes were started, but '{}' is the work of one: only the run of a pipeline "
                      "file is shared, and `bench`",
                      launched_processes(), command));
}

std::unique_ptr<Cluster> join_ranks(Patience typed) {
  const Launcher* by = launcher();
  if (!by || number_in(by->variable) == 1) return nullptr;
  // Without what this says MPI ends the processes, with a page about how it was built.
  if (by->variable == kLaunchers.back().variable && !std::getenv("PMIX_NAMESPACE")) refuse_singletons(*by, 1);
  const OpenTransport open = open_library(library_of(*by));
  const char* rank = std::getenv(by->rank);
  const bool first = !rank || rank == std::string("0");
  Patience patience;
  if (typed.named > 0) patience.named = typed.named;
  if (typed.ended > 0) patience.ended = typed.ended;
  auto cluster = std::make_unique<Cluster>([open] { return std::unique_ptr<Transport>(open()); }, patience,
                                           first ? how_to_name_the_network(networks()) : "");
  if (cluster->size() != number_in(by->variable)) {
    const int connected = cluster->size();
    cluster->leave();
    refuse_singletons(*by, connected);
  }
  cluster->name_hosts(cluster->gather(host_name()));
  return cluster;
}

void agree(Cluster& cluster, const std::function<void()>& work) {
  nlohmann::json mine;  // null: it went well
  try {
    work();
  } catch (const UserError& e) {
    mine = {{"exit", static_cast<int>(kUserError)}, {"message", faults_text(e)}};
  } catch (const std::exception& e) {
    mine = {{"exit", static_cast<int>(kFailed)}, {"message", std::string("run-pipeline: ") + what_of(e)}};
  }
  const std::vector<std::string> texts = cluster.gather(mine.dump());
  std::string message, first;
  int exit = kDone;
  for (std::size_t r = 0; r < texts.size(); ++r) {
    const nlohmann::json one = nlohmann::json::parse(texts[r]);
    if (one.is_null()) continue;
    const std::string text = one["message"];
    if (exit == kDone)
      exit = one["exit"], first = text;
    else if (text == first)
      continue;  // most mistakes are found by all
    message += fmt::format("{}{}{}", message.empty() ? "" : "\n",
                           r == 0 ? "" : cluster.name_of(static_cast<int>(r)) + ": ", text);
  }
  if (exit != kDone) throw Agreed(exit, message);
}

namespace {

std::string written(const RankFacts& facts) {
  nlohmann::ordered_json json = {{"host", facts.host},
                                 {"cores", facts.cores},
                                 {"allowed", facts.allowed},
                                 {"threads", facts.threads},
                                 {"same", facts.same}};
  return json.dump();
}

RankFacts read_facts(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  RankFacts facts{json["host"], json["cores"], json["allowed"], json["threads"], {}};
  json["same"].get_to(facts.same);
  return facts;
}

void refuse_differences(const Cluster& cluster, const std::vector<RankFacts>& ranks) {
  std::vector<Fault> found;
  for (std::size_t r = 1; r < ranks.size(); ++r)
    for (std::size_t f = 0; f < ranks[0].same.size(); ++f) {
      const auto& [what, value] = ranks[r].same[f];
      const std::string& wanted = ranks[0].same[f].second;
      if (value == wanted) continue;
      found.push_back(
          {{},
           fmt::format("{}: {} is {}, and {} on {}; all ranks need the same",
                       cluster.name_of(static_cast<int>(r)), what, value, wanted, cluster.name_of(0))});
    }
  if (!found.empty()) throw UserError(std::move(found));
}

struct Host {
  int ranks = 0, threads = 0, allowed = 0, cores = 1;
};

// Launchers bind a process to one core unless an option says otherwise, and start more of them than there are cores.
std::vector<std::string> warnings_of(const std::map<std::string, Host>& hosts) {
  std::vector<std::string> lines;
  for (const auto& [name, host] : hosts) {
    if (host.allowed < host.cores)
      lines.push_back(
          fmt::format("warning   {}: its {} may use {} of {}; with mpirun, --bind-to none gives them all",
                      name, counted(host.ranks, "rank"), counted(host.allowed, "core"), host.cores));
    else if (host.threads > host.cores)
      lines.push_back(fmt::format(
          "warning   {}: {} with {} in all share {}; {} would be faster", name, counted(host.ranks, "rank"),
          counted(host.threads, "thread"), counted(host.cores, "core"),
          host.ranks > host.cores ? "fewer ranks" : fmt::format("--threads {}", host.cores / host.ranks)));
  }
  return lines;
}

}  // namespace

std::vector<std::string> compare_ranks(Cluster& cluster, const RankFacts& mine) {
  std::vector<RankFacts> ranks;
  for (const std::string& text : cluster.gather(written(mine))) ranks.push_back(read_facts(text));
  refuse_differences(cluster, ranks);
  std::map<std::string, Host> hosts;
  for (const RankFacts& one : ranks) {
    Host& host = hosts[one.host];
    ++host.ranks;
    host.threads += one.threads;
    host.allowed = std::min(one.cores, host.allowed + one.allowed);
    host.cores = one.cores;
  }
  std::string names;
  for (const auto& [name, host] : hosts) names += (names.empty() ? "" : ", ") + name;
  std::vector<std::string> lines = {
      fmt::format("ranks     {} on {} ({}); kill -USR1 {} saves and stops", ranks.size(),
                  counted(static_cast<std::int64_t>(hosts.size()), "host"), names, getppid())};
  for (std::string& line : warnings_of(hosts)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace dagfusion
