// The networks that a host has, for messages about ranks that do not reach each other.
#pragma once

#include <string>
#include <vector>

namespace dagfusion {

struct HostNetwork {
  std::string interface;  // "eth0"
  std::string address;    // "10.0.0.5/24"
  std::string subnet;     // "10.0.0.0/24"
  bool leads_out = true;  // not one that containers and virtual machines have with their own host
};

// IPv4, without the loopback; those that lead out first.
std::vector<HostNetwork> networks();

// How to name the network between hosts, where an MPI has not found it.
std::string how_to_name_the_network(const std::vector<HostNetwork>&);

}  // namespace dagfusion
