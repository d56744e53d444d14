// What the plan expects of networks, beside what a simulation of them gives.
#include "graph/cluster/cost.h"

#include <gtest/gtest.h>

namespace dagfusion {
namespace {

// Seconds that tests/bench/simulated_exchange.sh gives for the network of train_cifar10.yaml.
TEST(ExchangeCost, IsWithinAQuarterOfWhatSimulatedNetworksTake) {
  constexpr std::size_t kFloats = 35'746'307;
  struct Simulated {
    int ranks;
    double gbe1, gbe10, gbe100;
  };
  for (const Simulated& row :
       {Simulated{2, 1.37, 0.144, 0.046}, Simulated{4, 2.05, 0.214, 0.070}, Simulated{8, 2.39, 0.250, 0.083},
        Simulated{16, 2.56, 0.268, 0.088}, Simulated{64, 2.69, 0.283, 0.091}}) {
    const ExchangeCost cost = exchange_cost(kFloats, row.ranks, row.ranks);
    for (const Ethernet& network : ethernets()) {
      const double simulated = network.name == "1gbe"     ? row.gbe1
                               : network.name == "10gbe"  ? row.gbe10
                               : network.name == "100gbe" ? row.gbe100
                                                          : cost.seconds(network);
      EXPECT_NEAR(cost.seconds(network) / simulated, 1, 0.25)
          << network.name << ", " << row.ranks << " ranks";
    }
  }
}

}  // namespace
}  // namespace dagfusion
