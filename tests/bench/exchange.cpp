// bench_exchange FLOATS [REPEATS [BUCKET]]: how long the exchange of gradients takes, by itself, on a real or simulated network.
//
//   mpirun -n 4 build/tests/bench_exchange 35746307
//
// REPEATS 0: once, where no connections are to be made before (simulated networks have them).
// The same code as in a run (SharedSum), buckets of the same size, nothing to compute. Prints the seconds of one
// exchange and what the model of graph/cluster/cost.h says of buckets as large as in a run. tests/bench/simulated_exchange.sh runs it under SimGrid.
#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "graph/cluster/cost.h"
#include "graph/cluster/shared_sum.h"

extern "C" dagfusion::Transport* dagfusion_open_transport();

namespace dagfusion {
namespace {

// Between two looks at what has come, as the thread of a cluster makes them; in microseconds.
constexpr unsigned kPause = 50;
constexpr int kMostPauses = 9;

double exchange(Transport& transport, std::vector<std::unique_ptr<SharedSum>>& buckets) {
  const double begin = MPI_Wtime();
  int idle = 0;
  std::vector<SharedSum*> open;
  for (const auto& bucket : buckets) open.push_back(bucket.get());
  while (true) {
    const std::size_t moved = std::erase_if(open, [&](SharedSum* sum) { return sum->advance(transport); });
    if (open.empty()) return MPI_Wtime() - begin;
    idle = moved > 0 ? 0 : std::min(idle + 1, kMostPauses);
    usleep(kPause * static_cast<unsigned>(idle + 1));
  }
}

int run(std::size_t floats, int repeats, std::size_t bucket) {
  const std::unique_ptr<Transport> transport(dagfusion_open_transport());
  const int rank = transport->rank(), size = transport->size();
  const int groups = fitting_groups(size, std::int64_t{1} << 20);
  std::vector<Buffer> sums;
  for (std::size_t s = 0; s < subtrees_of(groups_of(rank, size, groups)).size(); ++s)
    sums.emplace_back(floats * sizeof(float));
  std::vector<std::unique_ptr<SharedSum>> buckets;
  for (std::size_t at = 0; at < floats; at += bucket) {
    std::vector<float*> mine;
    for (const Buffer& sum : sums) mine.push_back(sum.as<float>().data() + at);
    buckets.push_back(std::make_unique<SharedSum>(rank, size, groups, static_cast<int>(buckets.size()), mine,
                                                  std::min(bucket, floats - at)));
  }
  std::vector<double> seconds;
  for (int r = 0; r < repeats + 1; ++r) {
    MPI_Barrier(MPI_COMM_WORLD);
    double own = exchange(*transport, buckets), all = 0;
    MPI_Allreduce(&own, &all, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    if (r > 0 || repeats == 0) seconds.push_back(all);  // the first one makes the connections
  }
  std::sort(seconds.begin(), seconds.end());
  if (rank == 0) {
    const ExchangeCost cost = exchange_cost(floats, groups, size);
    fmt::print("{} ranks, {} floats: {:.4f} s (median of {})", size, floats, seconds[seconds.size() / 2],
               repeats);
    for (const Ethernet& network : ethernets())
      fmt::print(", {} {:.4f}", network.name, cost.seconds(network));
    fmt::print("\n");
  }
  transport->leave();
  return 0;
}

}  // namespace
}  // namespace dagfusion

int main(int argc, char** argv) {
  const std::size_t floats = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const int repeats = argc > 2 ? std::max(0, std::atoi(argv[2])) : 5;
  const std::size_t bucket = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : dagfusion::kBucketFloats;
  return dagfusion::run(floats, repeats, bucket);
}
