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
  has "$(tail -n 12 out.txt)" 'of gradients a step'
}

AreReckonedBeforeARun() {
  "$program" plan "${train[@]}" --ranks 4 --network 1gbe --rate 10 >out.txt 2>err.txt
  is "$(tail -n 5 out.txt | cut -c1-21)" "$(cat <<'END'
ranks               4
exchange      375 KiB
on 1gbe        3.4 ms
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
  is "$(head -n 1 err.txt)" "2 processes were started, but 'plan' is the work of one: only the run of a pipeline file is shared"
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

EndWhenOneIsSilent() {
  needs openmpi
  local code=0
  "$program" "${train[@]}" run.steps=100000 --ranks 3 --rank-named 2 --rank-ended 4 >out.txt 2>err.txt </dev/null &
  process=$!
  until [[ -s runs/001/metrics.csv ]]; do sleep 0.05; done
  kill -STOP "$(pgrep -f "^$program .*run.steps=100000 --rank-named" | tail -n 1)"
  wait "$process" || code=$?
  process=
  is "$code" 1
  grep -qE '^run-pipeline: no sign of life from rank [12] \(.*\) for [2-4] seconds$' err.txt || fail "$(cat err.txt)"
  grep -qE '^run-pipeline: rank [12] \(.*\) has given no sign of life for [4-6] seconds: all are ended; --resume goes on from the newest checkpoint, on any number of ranks$' err.txt ||
    fail "$(cat err.txt)"
}

"$2"
