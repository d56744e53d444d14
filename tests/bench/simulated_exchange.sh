#!/usr/bin/env bash
# simulated_exchange.sh [RANKS...]: how long the exchange of 35,746,307 gradients (the network of train_cifar10.yaml) takes on
# 2 to 256 machines, by the code that runs there, on networks that SimGrid simulates (Debian: libsimgrid-dev).
# From 32 machines on, gradients and bandwidths are a sixteenth, so that the memory of all of them fits one machine.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
away=$(mktemp -d)
trap 'rm -rf "$away"' EXIT
cd "$away"

# A look for a message that has not come takes no time, and not a tenth of a millisecond as SimGrid has it; between looks the program sleeps.
smpicxx -O2 -std=c++20 -DDAGFUSION_MPI_THREADS=MPI_THREAD_SINGLE -DMPICH_SKIP_MPICXX -I"$root" -I"$root/build/include" -o exchange \
  "$root"/tests/bench/exchange.cpp "$root"/graph/cluster/{mpi_transport,shared_sum,groups,gather,cost}.cpp \
  "$root"/graph/values/{add,buffer,weights,tensor,random}.cpp -lfmt -lhwy -ltbb

platform() {  # RANKS MEGABYTES-A-SECOND LATENCY
  local last=$(($1 - 1))
  seq 0 "$last" | sed 's/.*/node-&.net/' >hosts
  cat >net.xml <<XML
<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <cluster id="c" prefix="node-" suffix=".net" radical="0-$last" speed="10Gf" bw="$2MBps" lat="$3" sharing_policy="SPLITDUPLEX"/>
</platform>
XML
}

seconds_on() {  # RANKS MEGABYTES-A-SECOND LATENCY
  local floats=35746307 bandwidth=$2
  if (($1 >= 32)); then
    floats=$((floats / 16))
    bandwidth=$(awk "BEGIN {print $2 / 16}")
  fi
  platform "$1" "$bandwidth" "$3"
  smpirun -np "$1" -platform net.xml -hostfile hosts --cfg=smpi/simulate-computation:no --cfg=smpi/test:1e-7 ./exchange "$floats" 0 2>/dev/null |
    sed -n 's/.*floats: \([0-9.]*\) s.*/\1/p'
}

echo "machines  1gbe s  10gbe s  100gbe s"
for ranks in "${@:-2 4 8 16 64 256}"; do
  for n in $ranks; do
    printf '%8d  %6s  %7s  %8s\n' "$n" "$(seconds_on "$n" 117 30us)" "$(seconds_on "$n" 1120 15us)" "$(seconds_on "$n" 3500 10us)"
  done
done
