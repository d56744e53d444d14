#!/usr/bin/env bash
# killed_ranks.sh PROGRAM [TIMES [SEED]]: a rank of four is killed or stopped at a random moment, so many times; all others end
# in time, no checkpoint is half, and the run that goes on, on another number of ranks, ends with the bits of one process.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"
times=${2:-1}
RANDOM=${3:-1}
[[ -e $(dirname "$program")/libdagfusion_openmpi.so ]] || {
  echo "skipped: this build has no openmpi"
  exit 77
}
train=(train.yaml run.micro_batch=1 run.batch_size=16 run.gradient_groups=8 run.steps=40 nodes.save.every=4)
bits() { cat "$1"/*.safetensors "$1"/state.json | md5sum | cut -d' ' -f1; }
ranks_of() { pgrep -f "^$program train.yaml .*run.output=$1 --resume --rank-named 2 --rank-ended 4\$" || true; }  # not who started them

"$program" "${train[@]}" run.output=alone >out.txt 2>err.txt
golden=$(bits alone/001/checkpoints/step-000040)

for ((k = 1; k <= times; ++k)); do
  output=try$k attempts=0 code=1
  rm -rf "$output"
  while [[ $code != 0 ]]; do
    ((++attempts <= 12)) || fail "attempt $attempts of try $k has not ended the run"
    "$program" "${train[@]}" run.output=$output --resume --ranks $((RANDOM % 3 + 2)) --rank-named 2 --rank-ended 4 >out.txt 2>err.txt </dev/null &
    process=$! victims=()
    if ((attempts <= 2)); then
      sleep "$((RANDOM % 2)).$((RANDOM % 900 + 100))"
      mapfile -t victims < <(ranks_of "$output")
      signal=KILL
      ((RANDOM % 3)) || signal=STOP
      [[ ${#victims[@]} == 0 ]] || kill "-$signal" "${victims[RANDOM % ${#victims[@]}]}" 2>/dev/null || true
    fi
    began=$SECONDS code=0
    wait "$process" || code=$?
    process=
    ((${#victims[@]} == 0 || SECONDS - began < 60)) || fail "try $k: the others took $((SECONDS - began)) s to end"
    for ((w = 0; w < 50; ++w)); do
      [[ -z $(ranks_of "$output") ]] && break
      sleep 0.1
    done
    is "$(ranks_of "$output")" ''
  done
  last=$(ls "$output" | tail -n 1)  # killed before its first checkpoint, a run is begun again under the next number
  is "$(bits "$output/$last/checkpoints/step-000040")" "$golden"
  rm -rf "$output"
done
echo "$times times: the same bits"
