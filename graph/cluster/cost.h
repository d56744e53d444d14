// What the exchange of gradients costs on a network, before anything runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dagfusion {

// How many floats of gradients go together: not so few that messages cost more than bytes.
inline constexpr std::size_t kBucketFloats = std::size_t{3} << 20;  // 12 MiB

struct Ethernet {
  std::string name;         // "10gbe"
  double bytes_per_second;  // of one process, each way and both at once, over TCP
  double latency;           // seconds of one message
};
const std::vector<Ethernet>& ethernets();

struct ExchangeCost {
  std::uint64_t bytes = 0;  // that the process with most to send sends in a step
  std::uint64_t room = 0;   // for what it receives, in bytes
  int messages = 0;
  double seconds(const Ethernet&) const;  // alone on the network, with nothing to hide behind
};
// Of one step, on so many ranks.
ExchangeCost exchange_cost(std::size_t floats, int groups, int ranks);

}  // namespace dagfusion
