// What is said where ranks do not reach each other.
#include "tools/launch/networks.h"

#include <gtest/gtest.h>

namespace dagfusion {
namespace {

TEST(Networks, AreNamedWithTheCommandThatChoosesOne) {
  EXPECT_EQ(
      how_to_name_the_network({{"eth0", "10.0.0.5/24", "10.0.0.0/24", true},
                               {"docker0", "172.17.0.1/16", "172.17.0.0/16", false}}),
      "this host has eth0 (10.0.0.5/24), docker0 (172.17.0.1/16): where hosts have several networks, or a "
      "firewall, name the one between them, like --interface 10.0.0.0/24 behind --hosts, or mpirun --mca "
      "btl_tcp_if_include 10.0.0.0/24 --mca oob_tcp_if_include 10.0.0.0/24");
  EXPECT_EQ(how_to_name_the_network({}), "this host has no network but the loopback");
}

TEST(Networks, ThatLeadOutComeFirst) {
  bool inside = false;  // one of the host's own has come
  for (const HostNetwork& one : networks()) {
    EXPECT_NE(one.interface, "lo");
    if (!one.leads_out) inside = true;
    EXPECT_TRUE(!one.leads_out || !inside) << one.interface;
  }
}

}  // namespace
}  // namespace dagfusion
