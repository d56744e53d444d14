#include "tools/launch/networks.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>

namespace dagfusion {

namespace {

// Bridges of Docker, libvirt, Podman, LXC and Kubernetes, and the ends in them.
constexpr std::array kOfTheHostItself = {"docker", "virbr", "veth", "br-",    "podman",
                                         "lxc",    "lxdbr", "cni",  "flannel"};

bool leads_out(const std::string& interface) {
  return std::none_of(kOfTheHostItself.begin(), kOfTheHostItself.end(),
                      [&](const char* begin) { return interface.starts_with(begin); });
}

std::string text_of(std::uint32_t address, int bits) {
  const in_addr in{htonl(address)};
  std::array<char, INET_ADDRSTRLEN> text{};
  inet_ntop(AF_INET, &in, text.data(), text.size());
  return fmt::format("{}/{}", text.data(), bits);
}

HostNetwork network_of(const ifaddrs& entry) {
  const auto number = [](const sockaddr* of) {
    return ntohl(reinterpret_cast<const sockaddr_in*>(of)->sin_addr.s_addr);
  };
  const std::uint32_t address = number(entry.ifa_addr), mask = number(entry.ifa_netmask);
  const int bits = std::popcount(mask);
  return {entry.ifa_name, text_of(address, bits), text_of(address & mask, bits), leads_out(entry.ifa_name)};
}

}  // namespace

std::vector<HostNetwork> networks() {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> all(first, freeifaddrs);
  std::vector<HostNetwork> found;
  for (const ifaddrs* at = first; at; at = at->ifa_next) {
    const bool counts = at->ifa_addr && at->ifa_netmask && at->ifa_addr->sa_family == AF_INET &&
                        (at->ifa_flags & IFF_UP) && !(at->ifa_flags & IFF_LOOPBACK);
    if (counts) found.push_back(network_of(*at));
  }
  std::stable_partition(found.begin(), found.end(), [](const HostNetwork& n) { return n.leads_out; });
  return found;
}

std::string how_to_name_the_network(const std::vector<HostNetwork>& all) {
  if (all.empty()) return "this host has no network but the loopback";
  std::string list;
  for (const HostNetwork& one : all)
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", one.interface, one.address);
  const std::string& subnet = all.front().subnet;
  return fmt::format(
      "this host has {}: where hosts have several networks, or a firewall, name the one between them, like "
      "--interface "
      "{} behind --hosts, or mpirun --mca btl_tcp_if_include {} --mca oob_tcp_if_include {}",
      list, subnet, subnet, subnet);
}

}  // namespace dagfusion
