#!/usr/bin/env bash
# ranks.sh PROGRAM CASE: one run by several processes under an MPI. Skipped where the machine has none.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
folder=$(dirname "$program")
skip() {
  echo "skipped: $1"
  exit 77
}
needs() {  # openmpi | mpich
  [[ -e $folder/libdagfusion_$1.so ]] || skip "this build has no $1"
}
open_mpi() { mpirun.openmpi -q --bind-to none --oversubscribe "$@"; }
mpich() { mpiexec.mpich "$@"; }

# The weights, averages and states of a checkpoint, as one number.
bits() { cat "$1"/*.safetensors "$1"/state.json | md5sum | cut -d' ' -f1; }
# What a log says, without the time it took.
log_of() { cut -d, -f1,2,4- "$1/metrics.csv"; }

# Golden bits of twelve steps, of eight groups, by one process.
train=(train.yaml run.micro_batch=1 run.batch_size=16 run.gradient_groups=8)
alone() {
  "$program" "${train[@]}" run.output=alone >out.txt 2>err.txt
  golden=$(bits alone/001/checkpoints/step-000012)
}

GiveTheBitsOfOneProcess() {
  needs openmpi
  alone
  local ranks threads
  for ranks in 2 3 4 8; do
    for threads in 1 2; do
      open_mpi -n "$ranks" "$program" "${train[@]}" run.output=together --threads "$threads" >out.txt 2>err.txt
      is "$(bits together/001/checkpoints/step-000012)" "$golden"
      is "$(log_of together/001)" "$(log_of alone/001)"
      is "$(ls together)" 001  # one run directory, however many processes
      rm -r together
    done
  done
}

GiveTheBitsOfOneProcessInBFloat16() {
  needs openmpi
  train+=(run.precision=bfloat16)
  "$program" "${train[@]}" --check >out.txt 2>err.txt || skip 'this core has no bfloat16'
  GiveTheBitsOfOneProcess
}

GiveTheSameBitsUnderAnotherMpi() {
  needs mpich
  alone
  mpich -n 3 "$program" "${train[@]}" run.output=together >out.txt 2>err.txt
  is "$(bits together/001/checkpoints/step-000012)" "$golden"
}

# Where MPICH is the only one, Debian's mpirun is MPICH's.
AreStartedWhereMpichIsAlone() {
  needs mpich
  alone
  mkdir only
  printf '#!/bin/bash\nexec %s "$@"\n' "$(command -v mpiexec.mpich)" >only/mpiexec.mpich
  chmod +x only/mpiexec.mpich
  ln -s mpiexec.mpich only/mpirun
  PATH=$PWD/only "$program" "${train[@]}" run.output=together --ranks 2 >out.txt 2>err.txt || fail 'they are not started'
  is "$(bits together/001/checkpoints/step-000012)" "$golden"
}

GoOnOnAnyNumber() {
  needs openmpi
  alone
  "$program" "${train[@]}" run.output=together run.steps=6 --ranks 4 >out.txt 2>err.txt
  for ranks in 1 2 3; do
    cp -r together "on_$ranks"
    "$program" "${train[@]}" run.output="on_$ranks" --resume --ranks "$ranks" >out.txt 2>err.txt
    is "$(bits "on_$ranks/001/checkpoints/step-000012")" "$golden"
    is "$(log_of "on_$ranks/001")" "$(log_of alone/001)"
  done
  # The groups are the run's, and need not be typed again.
  cp -r together again
  "$program" train.yaml run.micro_batch=1 run.batch_size=16 run.output=again --resume >out.txt 2>err.txt
  is "$(bits again/001/checkpoints/step-000012)" "$golden"
}

DrawTheSameImages() {
  needs openmpi
  "$program" train.yaml run.steps=3 >out.txt 2>err.txt
  "$program" sample.yaml vars.count=11 run.micro_batch=1 run.output=alone >out.txt 2>err.txt
  local ranks
  for ranks in 2 3 4; do
    "$program" sample.yaml vars.count=11 run.micro_batch=1 run.output="on_$ranks" --ranks "$ranks" >out.txt 2>err.txt
    is "$(ls alone/001/images | wc -l)" 11
    same "on_$ranks/001/images" alone/001/images
  done
}

PackTheSameFileAndNameWhatIsDropped() {
  needs openmpi
  local pipelines=$PWD code=0 n
  pipelines=$(dirname "$0")/../../pipelines
  "$program" train.yaml run.steps=3 >out.txt 2>err.txt
  mkdir pictures
  "$program" sample.yaml vars.count=9 run.micro_batch=1 run.output=drawn >out.txt 2>err.txt
  for n in 1 2 3 4 5 6 7; do cp drawn/001/images/*"$n.png" "pictures/$n.png"; done
  head -c 60 pictures/3.png >cut && mv cut pictures/3.png
  "$program" "$pipelines/pack_images.yaml" vars.source=pictures vars.file=packed.h5 >alone.txt 2>err.txt
  mv packed.h5 alone.h5  # it says by which command it was made
  sleep 1.1  # nothing of the time is in a file
  "$program" "$pipelines/pack_images.yaml" vars.source=pictures vars.file=packed.h5 --ranks 3 >out.txt 2>err.txt
  cmp alone.h5 packed.h5 || fail 'the files differ'
  is "$(grep -A1 dropped: out.txt)" "$(grep -A1 dropped: alone.txt)"
  has "$(grep -A1 dropped: out.txt)" 3.png
}

DrawAPreviewTogether() {
  needs openmpi
  cat >looks.yaml <<'YAML'
extends: train.yaml
add: {nodes.look: {type: run_pipeline, pipeline: sample.yaml, set: {count: 9}, every: 4}}
YAML
  "$program" looks.yaml run.output=alone run.gradient_groups=4 >out.txt 2>err.txt
  "$program" looks.yaml run.output=together run.gradient_groups=4 --ranks 4 >out.txt 2>err.txt
  is "$(cd together/001/previews && find . -name '*.png' -exec md5sum {} + | sort)" \
    "$(cd alone/001/previews && find . -name '*.png' -exec md5sum {} + | sort)"
  is "$(bits together/001/checkpoints/step-000012)" "$(bits alone/001/checkpoints/step-000012)"
}

AreComparedByVerify() {
  needs openmpi
  "$program" verify "${train[@]}" --steps 3 --ranks 1,2,3 >out.txt 2>err.txt || fail 'verify failed'
  is "$(tail -n 2 out.txt)" $'2 ranks: the same bits\n3 ranks: the same bits'
  is "$(ls)" "$(printf 'err.txt\nout.txt\nsample.yaml\ntrain.yaml')"
}

AreInOneTrace() {
  needs openmpi
  "$program" "${train[@]}" --ranks 2 --trace trace.json >out.txt 2>err.txt
  python3 -m json.tool trace.json >/dev/null 2>&1 || ! command -v python3 >/dev/null || fail 'the trace is no JSON'
  is "$(grep -c '"name":"exchange".*"pid":1,' trace.json)" 96  # a visit of each of eight frames of twelve steps
  is "$(grep -c '"name":"exchange".*"pid":2,' trace.json)" 96
  # The thread between them, by bucket: the network has one, and a step one message besides.
  local rank
  for rank in 1 2; do
    is "$(grep -c "\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":$rank,.*\"args\":{\"name\":\"exchange\"}" trace.json)" 1
    for work in 'send gradients' sum 'send sums'; do
      is "$(grep -c "\"ph\":\"X\",\"name\":\"$work, bucket 0\",\"cat\":\"exchange\",\"pid\":$rank," trace.json)" 12
    done
    for wait in 'wait for gradients, bucket 0' 'wait for sums, bucket 0' 'end of the step'; do
      for phase in b e; do
        is "$(grep -c "\"ph\":\"$phase\",\"name\":\"$wait\",.*\"pid\":$rank," trace.json)" 12
      done
    done
  done
  has "$(tail -n 12 out.txt)" 'of gradients a step'
}

AreMeasuredByBench() {
  needs openmpi
  mkdir temporary
  TMPDIR=$PWD/temporary "$program" bench "${train[@]}" --seconds 1 --ranks 2 >out.txt 2>err.txt || fail 'bench failed'
  is "$(cut -c1-13 out.txt)" $'train.yaml: 2\nspeed        \nexchange     '
  has "$(<out.txt)" 'images/s of all together, over '
  has "$(<out.txt)" 'a rank sends 250 KiB of gradients a step'
  TMPDIR=$PWD/temporary open_mpi -n 2 "$program" bench "${train[@]}" --seconds 0.5 --json >out.txt 2>err.txt || fail 'bench failed'
  has "$(<out.txt)" '"ranks": 2,'
  has "$(<out.txt)" '"exposed_seconds_a_step": '
  is "$(ls temporary)" ''
  local code=0
  "$program" bench sample.yaml --ranks 2 >out.txt 2>err.txt || code=$?
  is "$code" 2
  code=0
  "$program" bench train.yaml --scaling --ranks 2 >out.txt 2>err.txt || code=$?
  is "$code" 2
  is "$(<err.txt)" 'command line: --scaling compares threads of one process; leave out --ranks'
}

# Two hosts: namespaces of the network and of the host's name, with a cable between them; mpirun takes `into` for ssh.
a= b=
two_hosts() {
  [[ $(id -u) == 0 ]] && command -v ip >/dev/null || skip 'hosts are made by root, with iproute2'
  a=df$$a b=df$$b
  ip netns add "$a" 2>err.txt && ip netns add "$b" 2>err.txt || skip 'namespaces of the network cannot be made here'
  trap 'ip netns del $a; ip netns del $b; finish' EXIT
  joined "$a" 10.11.0.1/24 "$b" 10.11.0.2/24
  printf '%s\n' '#!/bin/sh' 'host=$1; shift' 'exec ip netns exec "$host" unshare -u sh -c "hostname $host; $*"' >into
  chmod +x into
  export OMPI_MCA_plm_rsh_agent=$PWD/into
}
joined() {  # HOST ADDRESS HOST ADDRESS
  ip link add eth0 netns "$1" type veth peer name eth0 netns "$3"
  local one
  for one in "$1 $2" "$3 $4"; do
    ip -n "${one% *}" link set lo up
    ip -n "${one% *}" addr add "${one#* }" dev eth0
    ip -n "${one% *}" link set eth0 up
  done
}
on_the_first() { ip netns exec "$a" unshare -u bash -c 'hostname "$0"; exec "$@"' "$a" "$@"; }

ReachEachOtherFromHostToHost() {
  needs openmpi
  alone
  two_hosts
  on_the_first "$program" "${train[@]}" run.output=together --ranks 2 --hosts "$a,$b" >out.txt 2>err.txt || fail 'no run'
  is "$(bits together/001/checkpoints/step-000012)" "$golden"
  has "$(<out.txt)" "ranks     2 on 2 hosts ($a, $b); "
}

SayWhichNetworksThereAre() {
  needs openmpi
  two_hosts
  local host code=0 n=0 advice
  for host in "$a" "$b"; do  # a second network of both, which joins nothing
    ip -n "$host" link add data type bridge
    ip -n "$host" addr add 10.12.0.$((++n))/24 dev data
    ip -n "$host" link set data up
  done
  on_the_first "$program" "${train[@]}" --ranks 2 --hosts "$a,$b" --rank-named 3 --rank-ended 5 >out.txt 2>err.txt || code=$?
  is "$code" 1
  advice='this host has eth0 (10.11.0.1/24), data (10.12.0.1/24): where hosts have several networks, or a firewall, name the one between them, like --interface 10.11.0.0/24 behind --hosts, or mpirun --mca btl_tcp_if_include 10.11.0.0/24 --mca oob_tcp_if_include 10.11.0.0/24'
  is "$(<err.txt)" "run-pipeline: the ranks have not reached each other for 3 seconds; $advice
run-pipeline: the ranks have not reached each other for 5 seconds: all are ended"
  on_the_first "$program" "${train[@]}" --ranks 2 --hosts "$a,$b" --interface 10.11.0.0/24 >out.txt 2>err.txt || fail 'no run'
  is "$(ls runs/001/checkpoints | tail -n 1)" step-000012
}

AreReckonedBeforeARun() {
  "$program" plan "${train[@]}" --ranks 4 --network 1gbe --rate 10 >out.txt 2>err.txt
  is "$(tail -n 6 out.txt | cut -c1-21)" "$(cat <<'END'
ranks               4
memory          3 MiB
exchange      375 KiB
on 1gbe        3.8 ms
waves            100%
step           0.40 s
END
)"
}

StopDrawingOnCtrlC() {
  needs openmpi
  local code=0
  "$program" train.yaml run.steps=3 >out.txt 2>err.txt
  "$program" sample.yaml vars.count=100000 run.micro_batch=1 --ranks 3 >out.txt 2>err.txt </dev/null &
  process=$!
  until [[ -d samples/001 ]]; do sleep 0.05; done
  sleep 0.5
  kill -INT "$process"
  wait "$process" || code=$?
  process=
  is "$code" 75
  [[ $(tail -n 1 out.txt) == 'stopped after '*' of 100000 images' ]] || fail "$(tail -n 1 out.txt)"
  is "$(pgrep -f "^$program .*vars.count=100000" || true)" ''
}

StopAndSaveOnCtrlC() {
  needs openmpi
  # shellcheck disable=SC2034
  local code=0
  "$program" "${train[@]}" run.steps=100000 nodes.save.every=1000000 --ranks 3 >out.txt 2>err.txt </dev/null &
  process=$!
  until [[ -s runs/001/metrics.csv ]]; do sleep 0.05; done
  kill -INT "$process"
  wait "$process" || code=$?
  process=
  is "$code" 75
  local step
  step=$(tail -n 1 runs/001/metrics.csv | cut -d, -f1)
  is "$(tail -n 1 out.txt)" "stopped after step $step; to go on: run-pipeline --resume runs/001"
  is "$(ls runs/001/checkpoints)" "$(printf 'step-%06d' "$step")"
}

SayAMistakeOnce() {
  needs openmpi
  local code=0
  "$program" train.yaml run.stepz=3 --ranks 3 >out.txt 2>err.txt || code=$?
  is "$code" 2
  is "$(grep -c "unknown key 'stepz'" err.txt)" 1
  is "$(ls runs 2>/dev/null)" ''
  code=0
  open_mpi -n 2 "$program" plan train.yaml >out.txt 2>err.txt || code=$?
  is "$(head -n 1 err.txt)" "2 processes were started, but 'plan' is the work of one: only the run of a pipeline file is shared, and \`bench\`"
}

RefuseToBeRunsOfTheirOwn() {
  run train.yaml  # one alone
  ends 0
  export SLURM_STEP_NUM_TASKS=2  # as srun sets it, here without --mpi=pmix
  run train.yaml
  ends 2
  is "$err" 'srun has started 2 processes, but MPI connects 1 of them: each would be a run of its own; use srun --mpi=pmix (srun --mpi=list shows what there is), or the mpirun of the same MPI'
}

RefuseADifference() {
  needs openmpi
  local code=0
  # shellcheck disable=SC2016
  open_mpi -n 2 bash -c '[[ $OMPI_COMM_WORLD_RANK == 0 ]] || set -- "$@" nodes.adam.learning_rate=1.0e-3; exec "$@"' _ \
    "$program" "${train[@]}" >out.txt 2>err.txt || code=$?
  is "$code" 2
  grep -qE "^rank 1 \(.*\): the pipeline's checksum is [0-9a-f]{8}, and [0-9a-f]{8} on rank 0 \(.*\); all ranks need the same$" err.txt ||
    fail "$(cat err.txt)"
}

NameWhoFails() {
  needs openmpi
  local code=0
  # A learning rate at which the weights leave the numbers: all ranks see it, and one says it.
  open_mpi -n 3 "$program" "${train[@]}" nodes.adam.learning_rate=1.0e+30 nodes.adam.warmup_steps=0 >out.txt 2>err.txt || code=$?
  [[ $code == 1 ]] || fail "exit code $code"
  is "$(grep -c 'loss is nan' err.txt)" 1
}

EndWhenOneIsKilled() {
  needs openmpi
  local code=0 victims
  "$program" "${train[@]}" run.steps=100000 nodes.save.every=5 --ranks 3 >out.txt 2>err.txt </dev/null &
  process=$!
  until [[ -e runs/001/checkpoints/step-000005 ]]; do sleep 0.05; done
  victims=$(pgrep -f "^$program .*run.steps=100000 nodes.save.every=5$" || true)
  [[ -n $victims ]] || fail 'there are no ranks'
  kill -KILL "$(tail -n 1 <<<"$victims")"
  wait "$process" || code=$?
  process=
  [[ $code != 0 && $code != 75 ]] || fail "exit code $code"
  sleep 0.5
  is "$(pgrep -f "^$program .*run.steps=100000 nodes.save.every=5$" || true)" ''
  "$program" "${train[@]}" run.steps=100000 --resume --check >out.txt 2>err.txt
}

EndTheirLauncherWhenItDoesNot() {
  mkdir fake
  printf '%s\n' '#!/bin/bash' 'sleep 1.5 & wait' 'sleep 0.1 & exec sleep 1000' >fake/mpirun.openmpi  # a rank; one that is not waited for
  chmod +x fake/mpirun.openmpi
  local code=0 began=$SECONDS
  PATH=$PWD/fake:$PATH "$program" train.yaml --ranks 2 >out.txt 2>err.txt || code=$?
  is "$code" 1
  is "$(<err.txt)" 'run-pipeline: all ranks have ended, and their launcher has not: it is ended too'
  ((SECONDS - began < 30)) || fail "it took $((SECONDS - began)) s"
}

EndWhenOneIsSilent() {
  needs openmpi
  end_the_silent --rank-named 2 --rank-ended 4
}
TakeTheirPatienceFromTheFile() {
  needs openmpi
  end_the_silent run.rank_named=2 run.rank_ended=4
  # It belongs to no result: a run goes on with another.
  "$program" "${train[@]}" run.steps=100000 run.rank_named=9 --resume --check >out.txt 2>err.txt
}
end_the_silent() {  # ARGUMENT...
  local code=0
  "$program" "${train[@]}" run.steps=100000 --ranks 3 "$@" >out.txt 2>err.txt </dev/null &
  process=$!
  until [[ -s runs/001/metrics.csv ]]; do sleep 0.05; done
  kill -STOP "$(pgrep -f "^$program .*run.steps=100000 $*\$" | tail -n 1)"
  wait "$process" || code=$?
  process=
  is "$code" 1
  grep -qE '^run-pipeline: no sign of life from rank [12] \(.*\) for [2-4] seconds$' err.txt || fail "$(cat err.txt)"
  grep -qE '^run-pipeline: rank [12] \(.*\) has given no sign of life for [4-6] seconds: all are ended; --resume goes on from the newest checkpoint, on any number of ranks$' err.txt ||
    fail "$(cat err.txt)"
}

"$2"
