#include "tools/launch/together.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "graph/document/number.h"
#include "graph/version.h"
#include "nodes/files/crc32c.h"
#include "tools/launch/prepared.h"
#include "tools/launch/ranks.h"

namespace dagfusion {

namespace {

// Those on the first rank, which locks the run it goes on with; the others take what that one found.
Prepared prepare_together(Cluster& cluster, const Invocation& request) {
  std::optional<Prepared> prepared;
  agree(cluster, [&] {
    if (cluster.first()) prepared.emplace(prepare(request, true));
  });
  const std::string found = prepared && prepared->resumed ? prepared->resumed->string() : "";
  const std::string resumed = cluster.gather(found).front();
  agree(cluster, [&] {
    if (cluster.first()) return;
    Invocation mine = request;
    mine.resume = resumed.empty() ? std::nullopt : std::optional(resumed);
    prepared.emplace(prepare(mine, false));
  });
  return std::move(*prepared);
}

// Ranks on one host share its cores, unless the launcher or the file says how.
int threads_for(Cluster& cluster, const Invocation& request, const Tree& file) {
  const std::vector<std::string> hosts = cluster.gather(host_name());
  const Tree* run = file.find("run");
  const Tree* typed = run ? run->find("threads") : nullptr;
  const auto here = static_cast<int>(std::count(hosts.begin(), hosts.end(), host_name()));
  if (request.threads > 0 || (typed && typed->text != "auto") || here == 1) return request.threads;
  const int cores = static_cast<int>(std::thread::hardware_concurrency()), allowed = available_cores();
  return allowed < cores ? request.threads : std::max(1, allowed / here);
}

// As typed, or as the file says.
Patience patience_for(const Patience& typed, const Tree& file) {
  Patience patience;
  const Tree* run = file.find("run");
  const auto read = [&](const char* key, double given, double& to) {
    const Tree* said = run ? run->find(key) : nullptr;
    if (given > 0)
      to = given;
    else if (said && is_real(said->text))
      parse(said->text, to);
  };
  read("rank_named", typed.named, patience.named);
  read("rank_ended", typed.ended, patience.ended);
  return patience;
}

// What results depend on, and what an update must be the same of.
RankFacts facts_of(Run& run) {
  const auto weights = std::as_bytes(run.info().values().values());
  const std::string yaml = run.info().resolved_yaml();
  const auto checksum = [](std::span<const std::byte> bytes) { return fmt::format("{:08x}", crc32c(bytes)); };
  return {.host = host_name(),
          .cores = static_cast<int>(std::thread::hardware_concurrency()),
          .allowed = available_cores(),
          .threads = run.threads(),
          .same = {{"the program's version", fmt::format("{} {}", DAGFUSION_VERSION, DAGFUSION_ABI)},
                   {"the instruction set", arithmetic()},
                   {"the pipeline's checksum", checksum(std::as_bytes(std::span(yaml)))},
                   {"what the run rests on", run.info().state_json()},
                   {"the weights' checksum", checksum(weights)}}};
}

}  // namespace

Launch launch_together(const Invocation& request) {
  Cluster& cluster = *request.cluster;
  Prepared prepared = prepare_together(cluster, request);
  Invocation mine = request;
  mine.threads = threads_for(cluster, request, prepared.file);
  cluster.be_patient(patience_for(request.patience, prepared.file));
  std::optional<Launch> made;
  agree(cluster, [&] { made.emplace(launch_prepared(mine, std::move(prepared))); });
  if (!made->run) return std::move(*made);  // the run has ended before, as all have found
  std::vector<std::string> lines;
  agree(cluster, [&] { lines = compare_ranks(cluster, facts_of(*made->run)); });
  made->notes.insert(made->notes.end(), lines.begin(), lines.end());
  return std::move(*made);
}

}  // namespace dagfusion
