#include "graph/cluster/cost.h"

#include <algorithm>

#include "graph/cluster/shared_sum.h"

namespace dagfusion {

namespace {

constexpr double kCpuOfAMessage = 4e-6;  // seconds, as measured with Open MPI and MPICH over TCP

}  // namespace

// What TCP brings of the nominal speed while both directions are busy, as SimGrid has it (tests/bench/simulated_exchange.sh), and
// half a round trip between two machines at one switch.
const std::vector<Ethernet>& ethernets() {
  static const std::vector<Ethernet> all = {{"1gbe", 0.105e9, 60e-6},
                                            {"10gbe", 1.00e9, 30e-6},
                                            {"25gbe", 2.4e9, 25e-6},
                                            {"100gbe", 3.1e9, 20e-6}};  // one thread copies no faster
  return all;
}

ExchangeCost exchange_cost(std::size_t floats, int groups, int ranks) {
  ExchangeCost most;
  for (int rank = 0; rank < ranks; ++rank) {
    const std::size_t sums = subtrees_of(groups_of(rank, ranks, groups)).size();
    ExchangeCost cost;
    for (std::size_t at = 0; at < floats; at += kBucketFloats) {
      const std::vector<float*> none(sums);  // only how many there are is asked
      const SharedSum sum(rank, ranks, groups, 0, none, std::min(kBucketFloats, floats - at));
      cost.bytes += sum.bytes_sent();
      cost.messages += sum.messages_sent();
      cost.room += sum.room();
    }
    if (cost.bytes > most.bytes) most = cost;
  }
  return most;
}

// Gradients go out, weights come back: two latencies.
double ExchangeCost::seconds(const Ethernet& network) const {
  return static_cast<double>(bytes) / network.bytes_per_second + 2 * network.latency +
         messages * kCpuOfAMessage;
}

}  // namespace dagfusion
