#!/usr/bin/env bash
# whole_runs.sh PROGRAM CASE: whole runs that are stopped, killed, damaged, resumed and misused.
set -euo pipefail

program=$1
away=$(mktemp -d)
mounted= process=
finish() {
  [[ -z $process ]] || kill -KILL "$process" 2>/dev/null || true
  [[ -z $mounted ]] || umount "$mounted"
  rm -rf "$away"
}
trap finish EXIT
cd "$away"

cat >train.yaml <<'END'
vars: {rate: 2.0e-3}
run: {seed: 3, steps: 12, batch_size: 12, micro_batch: 3, output: runs}
diffusion: {schedule: cosine, timesteps: 100, prediction: v}
model: {type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], groups: 4, dropout: 0.1}
nodes:
  images:  {type: drawn_digits, size: 16}
  x0:      {type: to_signed, in: images}
  t:       {type: uniform_timesteps, in: x0}
  noise:   {type: gaussian_noise, in: x0}
  xt:      {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  out:     {type: model, in: {x: xt, t: t}}
  target:  {type: prediction_target, in: {x0: x0, noise: noise, t: t}}
  loss:    {type: mse_loss, in: {prediction: out, target: target}}
  adam:    {type: adam, minimize: loss, learning_rate: "${rate}", warmup_steps: 5, clip_norm: 1.0}
  ema:     {type: weight_average, after: adam, decay: 0.9}
  log:     {type: metrics_log, in: {loss: loss}}
  save:    {type: checkpoint, every: 3}
END
cat >sample.yaml <<'END'
vars: {checkpoint: runs/001, count: 3}
run: {seed: 7, micro_batch: 4, output: samples}
model: {from: "${checkpoint}", weights: ema}
nodes:
  number: {type: image_numbers, count: "${count}"}
  xT:     {type: gaussian_noise, in: number, shape: model}
  denoise:
    loop:
      each:  {type: ddim_timesteps, steps: 5}
      carry: {x: xT}
      nodes:
        out:  {type: model, in: {x: carry.x, t: each.t}}
        prev: {type: ddim_step, in: {x: carry.x, prediction: out, each: each}, eta: 0.5}
      next:  {x: prev}
  bytes:  {type: to_bytes, in: denoise.x}
  files:  {type: png_folder, in: bytes, path: images}
END

run() {  # ARGUMENT...: sets status, out, err
  status=0
  "$program" "$@" >out.txt 2>err.txt </dev/null || status=$?
  out=$(<out.txt)
  err=$(<err.txt)
}

fail() {
  printf '%s\n' "$@" "--- out.txt" >&2
  cat out.txt >&2
  echo "--- err.txt" >&2
  cat err.txt >&2
  exit 1
}

ends() { [[ $status == "$1" ]] || fail "the status is $status and should be $1"; }  # STATUS
is() { [[ $1 == "$2" ]] || fail "is '$1'" "and should be '$2'"; }                     # VALUE EXPECTED
has() { [[ $1 == *"$2"* ]] || fail "'$1'" "should have '$2'"; }                       # VALUE PART
same() { diff -r -x lock "$1" "$2" >differences.txt || fail "$1 and $2 differ" "$(<differences.txt)"; }

started() {  # ARGUMENT...: starts a run that will not end by itself, and waits for its first steps; sets process
  "$program" train.yaml run.steps=1000000 "$@" >out.txt 2>err.txt </dev/null &
  process=$!
  local log=runs/001/metrics.csv
  until [[ -e $log && $(wc -l <"$log") -gt 2 ]]; do
    kill -0 "$process" 2>/dev/null || fail 'the run ended by itself'
    sleep 0.05
  done
}
ended() {  # waits for it; sets status, out, err
  status=0
  wait "$process" || status=$?
  process=
  out=$(<out.txt)
  err=$(<err.txt)
}

GivesTheSameBytesHoweverOftenItIsKilled() {
  run train.yaml run.steps=8 run.output=whole
  ends 0
  local kills=0 turn took
  took=$( { TIMEFORMAT=%R; time run train.yaml run.steps=8 run.output=timed >/dev/null; } 2>&1 )
  RANDOM=5
  for ((turn = 0; kills < 20; ++turn)); do
    if [[ -e runs/001/checkpoints/step-000008 ]]; then mv runs/001 "done-$turn"; fi
    local resume=()
    [[ -d runs/001/checkpoints ]] && compgen -G 'runs/001/checkpoints/step-??????' >/dev/null && resume=(--resume)
    [[ ${#resume[@]} -gt 0 ]] || rm -rf runs
    # From before anything is there to a little before the end, on this machine and now.
    local moment; moment=$(awk -v t="$took" -v r="$RANDOM" 'BEGIN { printf "%.3f", t * r / 32768 }')
    status=0
    timeout --foreground -s KILL "$moment" "$program" train.yaml run.steps=8 "${resume[@]}" >out.txt 2>err.txt </dev/null || status=$?
    if [[ $status == 124 || $status == 137 ]]; then ((++kills)); else ends 0; fi
  done
  if [[ -d runs/001/checkpoints ]] && ! [[ -e runs/001/checkpoints/step-000008 ]]; then
    run train.yaml run.steps=8 --resume
    [[ $status == 0 || $err == *'has no checkpoint that is whole'* ]] || fail 'cannot go on'
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
  is "$err" "'runs/001' has no checkpoint that is whole; looked at runs/001/checkpoints
  runs/001/checkpoints/step-000003: pipeline.yaml has 6 bytes instead of $(awk '$3 == "pipeline.yaml" { print $2 }' $facts/MANIFEST)"
  rm -r runs/001/checkpoints
  run train.yaml --resume
  ends 2
  is "$err" "'runs/001' has no checkpoint that is whole; looked at runs/001/checkpoints"
}

SavesAndSaysHowToGoOnWhenItIsInterrupted() {
  local signal step
  for signal in INT TERM; do
    started nodes.save.every=1000000
    kill "-$signal" "$process"
    ended
    ends 75
    has "$err" 'stopping: the step that has begun is finished'
    step=$(tail -n 1 runs/001/metrics.csv | cut -d, -f1)
    is "$(ls runs/001/checkpoints)" "$(printf 'step-%06d' "$step")"
    is "${out##*$'\n'}" "stopped after step $step; to go on: run-pipeline --resume runs/001"
    run --resume runs/001 "run.steps=$((step + 1))" nodes.save.every=1
    ends 0
    is "$(tail -n 1 runs/001/metrics.csv | cut -d, -f1)" $((step + 1))
    rm -r runs
  done
}

SaysThatNothingIsSavedWithoutACheckpoint() {
  started --remove nodes.save
  kill -INT "$process"
  ended
  ends 75
  has "${out##*$'\n'}" '; nothing is saved, since the pipeline has no checkpoint node'
}

StopsAtOnceWhenItIsInterruptedTwice() {
  started nodes.save.every=1000000 run.batch_size=600  # a step that takes long
  kill -INT "$process"
  until grep -q stopping err.txt; do sleep 0.01; done  # two signals of a kind may come as one
  kill -INT "$process"
  ended
  ends 130
  has "$err" 'stopping at once; nothing more is saved'
  [[ ! -e runs/001/checkpoints ]] || fail 'it has saved'
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

RefusesToGoOnWithAnotherPipeline() {
  run train.yaml run.steps=3
  cp -r runs before
  run train.yaml --resume run.steps=6 run.seed=4 vars.rate=1e-3 model.dropout=0.2 nodes.ema.every=2
  ends 2
  is "$(grep -o '[a-z_.]* was .*, and is now [^;]*' err.txt)" 'model.dropout was 0.1, and is now 0.2
nodes.adam.learning_rate was 2.0e-3, and is now 1e-3
nodes.ema.every was nothing, and is now 2
run.seed was 3, and is now 4'
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
  ends 2
  is "$err" 'runs/001 has done 3 steps, and run.steps is 3; give it a larger number to go on'
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
  is "$err" "'empty' is no run directory: there is no pipeline.yaml in it"
  is "$(ls empty)" ''
  run --resume nowhere
  ends 2
  is "$err" "there is no run directory 'nowhere'"
  run train.yaml --resume run.output=elsewhere
  ends 2
  is "$err" "command line: there is no run to go on with below 'elsewhere'"
  run train.yaml --fork
  ends 2
}

DrawsTheSameImageWhateverTheCount() {
  run train.yaml run.steps=3 --add 'nodes.preview={type: run_pipeline, pipeline: sample.yaml, model: ema, set: {count: 3}}'
  ends 0
  local count n
  for count in 3 8 17; do
    run sample.yaml vars.count=$count run.output=samples-$count "run.threads=$((count % 4 + 1))" "run.lanes=$((count % 3 + 1))"
    ends 0
    is "$(ls samples-$count/001/images | wc -l)" $count
  done
  for n in 0 1 2; do
    same samples-3/001/images/0000$n.png samples-8/001/images/0000$n.png
    same samples-3/001/images/0000$n.png runs/001/previews/step-000003/images/0000$n.png
  done
  for n in 0 1 2 3 4 5 6 7; do same samples-8/001/images/0000$n.png samples-17/001/images/0000$n.png; done
  cmp -s samples-3/001/images/00000.png samples-3/001/images/00001.png && fail 'two images are the same'
  run sample.yaml vars.checkpoint=nowhere
  ends 2
  is "$err" "sample.yaml:3:15: section 'model': there is no directory 'nowhere'"
  run sample.yaml model.weights=averge
  ends 2
  has "$err" "checkpoint 'runs/001/checkpoints/step-000003' has no weights 'averge'"
  [[ ! -e samples ]] || is "$(ls samples)" ''
}

SaysWhenItCannotWrite() {
  run train.yaml run.output=/proc/nowhere
  ends 2
  has "$err" "cannot make '/proc/nowhere': "
  run train.yaml run.output=train.yaml/runs
  ends 2
  has "$err" "cannot make 'train.yaml/runs': Not a directory"
}

SaysWhenItsDirectoryHasGone() {
  started
  mv runs/001 away
  ended
  ends 1
  has "$err" "node 'save' (checkpoint): the run directory 'runs/001' is gone"
  [[ ! -e runs/001 ]] || fail 'it has made the directory again'
}

SaysWhenTheDiskIsFull() {
  mkdir disk
  mount -t tmpfs -o size=400k tmpfs disk 2>/dev/null || exit 77  # not for everybody: skipped
  mounted=$away/disk
  run train.yaml run.output=disk
  ends 1
  has "$err" "node 'save' (checkpoint): 'disk/001/checkpoints' has 1 MB free, but "
  has "$err" ' MB are needed; make room and resume'
  [[ ! -e disk/001/checkpoints/step-000003 ]] || fail 'a checkpoint is there'
}

"$2"
