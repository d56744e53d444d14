#!/usr/bin/env bash
# resumed_runs.sh PROGRAM CASE: whole runs that are killed, damaged or changed, and go on. KILLS, SEED: how often the first
# case kills, and the seed of the moments.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

GivesTheSameBytesHoweverOftenItIsKilled() {
  local -r given=(train.yaml run.steps=8 nodes.log.every=2)  # lines between checkpoints, and checkpoints between lines
  run "${given[@]}" run.output=whole
  ends 0
  local kills=0 turn took
  took=$( { TIMEFORMAT=%R; time run "${given[@]}" run.output=timed >/dev/null; } 2>&1 )
  RANDOM=${SEED:-5}
  for ((turn = 0; kills < ${KILLS:-20}; ++turn)); do
    if [[ -e runs/001/checkpoints/step-000008 ]]; then mv runs/001 "done-$turn"; fi
    local resume=()
    [[ -d runs/001/checkpoints ]] && compgen -G 'runs/001/checkpoints/step-??????' >/dev/null && resume=(--resume)
    [[ ${#resume[@]} -gt 0 ]] || rm -rf runs
    # From before anything is there to a little before the end, on this machine and now.
    local moment; moment=$(awk -v t="$took" -v r="$RANDOM" 'BEGIN { printf "%.3f", t * r / 32768 }')
    status=0
    timeout --foreground -s KILL "$moment" "$program" "${given[@]}" "${resume[@]}" >out.txt 2>err.txt </dev/null || status=$?
    if [[ $status == 124 || $status == 137 ]]; then ((++kills)); else ends 0; fi
  done
  if [[ -d runs/001/checkpoints ]] && ! [[ -e runs/001/checkpoints/step-000008 ]]; then
    run "${given[@]}" --resume
    [[ $status == 0 || $err == *'has no valid checkpoint'* ]] || fail 'cannot go on'
  fi
  local checked=0 finished
  for finished in runs/001 done-*; do
    [[ -e $finished/checkpoints/step-000008 ]] || continue
    for file in weights.safetensors ema.safetensors adam.update.safetensors state.json; do
      same whole/001/checkpoints/step-000008/$file "$finished/checkpoints/step-000008/$file"
    done
    is "$(cut -d, -f1,2,4 "$finished/metrics.csv")" "$(cut -d, -f1,2,4 whole/001/metrics.csv)"
    checked=$((checked + 1))
  done
  [[ $checked -ge 1 ]] || fail 'no run was finished'
  echo "$kills kills, $turn starts, $checked finished runs, $took s for a whole one"
}

PassesOverADamagedCheckpoint() {
  run train.yaml
  ends 0
  mv runs whole
  run train.yaml run.steps=9
  mv runs/001/checkpoints/step-000009/ema.safetensors piece
  head -c -1 piece >runs/001/checkpoints/step-000009/ema.safetensors
  printf 'x' | dd of=runs/001/checkpoints/step-000006/weights.safetensors bs=1 seek=3000 conv=notrunc status=none
  run train.yaml --resume
  ends 0
  has "$out" 'passed over: runs/001/checkpoints/step-000009: ema.safetensors has '
  has "$out" 'passed over: runs/001/checkpoints/step-000006: weights.safetensors is damaged'
  has "$out" 'goes on after step 3'
  same whole/001/checkpoints runs/001/checkpoints
}

SaysSoWhenNoCheckpointIsLeft() {
  run train.yaml run.steps=3
  local facts=runs/001/checkpoints/step-000003
  printf 'run: [' >"$facts/pipeline.yaml"
  run --resume runs/001 run.steps=6
  ends 2
  is "$err" "'runs/001' has no valid checkpoint; looked at runs/001/checkpoints
  runs/001/checkpoints/step-000003: pipeline.yaml has 6 bytes instead of $(awk '$3 == "pipeline.yaml" { print $2 }' $facts/MANIFEST)"
  run train.yaml --resume  # what is damaged is not begun anew without a word
  ends 2
  has "$err" "'runs/001' has no valid checkpoint; looked at runs/001/checkpoints"
  rm -r runs/001/checkpoints
  run --resume runs/001
  ends 2
  is "$err" "'runs/001' has no valid checkpoint; looked at runs/001/checkpoints"
}

RefusesToGoOnWithAnotherPipeline() {
  run train.yaml run.steps=3
  cp -r runs before
  run train.yaml --resume run.steps=6 run.seed=4 vars.rate=1e-3 model.dropout=0.2 nodes.ema.every=2
  ends 2
  is "$(grep -o '[a-z_.]* was .*, and is now [^;]*' err.txt)" 'model.dropout was 0.1, and is now 0.2
nodes.ema.every was nothing, and is now 2
run.seed was 3, and is now 4
nodes.adam.learning_rate was 2.0e-3, and is now 1e-3'
  same before runs
  run train.yaml --resume run.steps=6 run.lanes=3 run.threads=1 run.frames_in_flight=3 nodes.save.every=2 nodes.save.keep=1 --remove nodes.log
  ends 0
  is "$(ls runs/001/checkpoints)" step-000006
  has "$(<runs/001/pipeline.yaml)" '{type: checkpoint, every: 2, keep: 1}'  # what the run is now
  run train.yaml --resume --fork run.steps=8 run.seed=4 run.micro_batch=4 model.dropout=0.2
  ends 0
  is "$(ls runs/002/checkpoints)" step-000008
  has "$out" 'goes on after step 6'
  is "$(ls runs/001/checkpoints)" step-000006
}

GoesOnFromItsOwnFile() {
  run train.yaml run.steps=6 vars.rate=1e-3 run.output=whole
  run train.yaml run.steps=3 vars.rate=1e-3
  run --resume runs/001 vars.rate=2e-3
  ends 2
  is "$err" "command line: 'vars.rate=2e-3' would change nothing: the values of variables have been put into runs/001/pipeline.yaml; set them where they stand, or name the pipeline file too"
  run --resume runs
  ends 0
  is "${out##*$'\n'}" 'runs/001 has done 3 steps, and run.steps is 3; give it a larger number to go on'
  run --resume runs --fork
  ends 2
  is "$err" 'runs/001 has done 3 steps, and run.steps is 3; give it a larger number to go on'
  is "$(ls runs)" 001
  run --resume runs/001 run.steps=6
  ends 0
  same whole/001/checkpoints/step-000006/weights.safetensors runs/001/checkpoints/step-000006/weights.safetensors
  has "$(<runs/001/pipeline.yaml)" 'steps: 6'
  run --resume runs/001/checkpoints/step-000003
  ends 2
  is "$err" "'runs/001/checkpoints/step-000003' is a checkpoint; a run goes on from its newest: --resume runs/001; or with --fork, a new run from this one"
  run --resume runs/001/checkpoints/step-000003 --fork run.steps=6
  ends 0
  same whole/001/checkpoints/step-000006/weights.safetensors runs/002/checkpoints/step-000006/weights.safetensors
  mkdir empty
  run --resume empty
  ends 2
  is "$err" "'empty' is not a run directory: there is no pipeline.yaml in it"
  is "$(ls empty)" ''
  run --resume nowhere
  ends 2
  is "$err" "there is no run directory 'nowhere'"
  run train.yaml --resume --fork run.output=elsewhere
  ends 2
  is "${err%%$'\n'*}" "there is no run with a checkpoint below 'elsewhere' to fork"
  run train.yaml --fork
  ends 2
}

LetsOneProcessIntoARun() {
  started
  run --resume runs/001 run.steps=2000000
  ends 2
  is "$err" "'runs/001' is in use by process $process"
  run train.yaml run.steps=1  # meanwhile another run takes the next number
  ends 0
  [[ -e runs/002/checkpoints/step-000001 ]] || fail 'the second run is not in runs/002'
  kill -KILL "$process"
  ended
  run --resume runs/001 "run.steps=$(( $(tail -n 1 runs/001/metrics.csv | cut -d, -f1) + 3 ))"
  ends 0  # a killed process holds no lock
}

"$2"
