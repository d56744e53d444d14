#!/usr/bin/env bash
# between_hosts.sh COUNT RATE COMMAND...: runs a command on the first of so many hosts on one switch, each joined to it at that rate
# (1gbit) in both directions; by root, on one machine. The hosts are namespaces of the network, and `$HOSTS` names them:
#
#   tests/bench/between_hosts.sh 4 1gbit bash -c 'mpirun -n 4 --host $HOSTS build/tests/bench_exchange 35746307'
#   tests/bench/between_hosts.sh 2 1gbit bash -c 'build/tools/run-pipeline bench FILE --ranks 2 --hosts $HOSTS'
set -euo pipefail
count=$1 rate=$2
shift 2
away=$(mktemp -d)
switch=df$$s
hosts=()
leave() {
  local one
  for one in "$switch" "${hosts[@]}"; do ip netns del "$one" 2>/dev/null || true; done
  rm -rf "$away"
}
trap leave EXIT

slow() {  # NAMESPACE DEVICE: what it sends; a burst as large as what a network card keeps
  tc -n "$1" qdisc add dev "$2" root tbf rate "$rate" burst 256kb latency 50ms
}
ip netns add "$switch"
ip -n "$switch" link add bridge type bridge
ip -n "$switch" link set bridge up
for ((h = 1; h <= count; ++h)); do
  host=df$$h$h
  ip netns add "$host"
  hosts+=("$host")
  ip link add eth0 netns "$host" type veth peer name "port$h" netns "$switch"
  ip -n "$switch" link set "port$h" master bridge up
  ip -n "$host" link set lo up
  ip -n "$host" addr add "10.11.0.$h/24" dev eth0
  ip -n "$host" link set eth0 up
  slow "$host" eth0
  slow "$switch" "port$h"
done
printf '%s\n' '#!/bin/sh' 'host=$1; shift' 'exec ip netns exec "$host" unshare -u sh -c "hostname $host; $*"' >"$away/into"
chmod +x "$away/into"
HOSTS=$(IFS=,; echo "${hosts[*]}")
export HOSTS OMPI_MCA_plm_rsh_agent=$away/into OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none
ip netns exec "${hosts[0]}" unshare -u bash -c 'hostname "$0"; exec "$@"' "${hosts[0]}" "$@"
