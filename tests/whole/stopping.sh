#!/usr/bin/env bash
# stopping.sh PROGRAM CASE: what a request to stop does to whatever is under way, and sweeps of which a run fails.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

export TMPDIR=$away/temporary
mkdir "$TMPDIR"
nothing_stays() { is "$(ls "$TMPDIR")" ''; }

# A program that was started with SIGINT ignored, as by `&`, listens to it all the same.
background() {  # ARGUMENT...: sets process
  "$program" "$@" >out.txt 2>err.txt </dev/null &
  process=$!
}
comes() {  # PATTERN: waits until such a file is there
  until compgen -G "$1" >/dev/null; do
    kill -0 "$process" 2>/dev/null || fail "it ended before $1 came"
    sleep 0.02
  done
}

sweep() {  # LEARNING-RATES [KEY: VALUE]: writes sweep.yaml, two seeds
  cat >sweep.yaml <<YAML
extends: train.yaml
set: {run.steps: 3}
sweep:
  axes: {nodes.adam.learning_rate: [$1]}
  seeds: [1, 2]
  metric: {file: metrics.csv, column: loss}
  output: sweeps
YAML
}

EverySignalThatAsksSavesTheStep() {
  local signal step
  for signal in HUP USR1 USR2 XCPU; do
    started nodes.save.every=1000000
    kill "-$signal" "$process"
    ended
    ends 75
    step=$(tail -n 1 runs/001/metrics.csv | cut -d, -f1)
    is "${out##*$'\n'}" "stopped after step $step; to go on: run-pipeline --resume runs/001"
    is "$(ls runs/001/checkpoints)" "$(printf 'step-%06d' "$step")"
    rm -r runs
  done
}

SignalsOfTheSystemDoNotInsist() {  # XCPU comes every second, and HUP from the shell and from the terminal
  started nodes.save.every=1000000 run.batch_size=600  # a step that takes long
  kill -HUP "$process"
  until grep -q stopping err.txt; do sleep 0.01; done
  kill -HUP "$process"
  kill -XCPU "$process"
  kill -USR1 "$process"
  ended
  ends 75
  [[ -e runs/001/checkpoints ]] || fail 'it has not saved'
}

GoesOnWithoutATerminalWhenItIsToldTo() {
  trap '' HUP
  started
  trap - HUP
  kill -HUP "$process"
  local -r steps=$(wc -l <runs/001/metrics.csv)
  until [[ $(wc -l <runs/001/metrics.csv) -gt $((steps + 5)) ]]; do kill -0 "$process"; done
  kill -TERM "$process"
  ended
  ends 75
}

SavesTheStepWhenNobodyReadsItsOutput() {
  mkfifo pipe
  : >out.txt
  sleep 600 <pipe &
  local -r reader=$!
  "$program" train.yaml run.steps=1000000 nodes.save.every=1000000 >pipe 2>err.txt </dev/null &
  process=$!
  comes runs/001/metrics.csv
  kill "$reader"
  wait "$reader" || true
  ended
  ends 75
  [[ -e runs/001/checkpoints ]] || fail 'it has not saved'
}

SavesTheStepWhenItsTerminalIsClosed() {
  command -v python3 >/dev/null || exit 77  # skipped
  : >out.txt >err.txt
  cat >terminal.py <<'END'
import os, pty, sys, time
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while not (os.path.exists("runs/001/metrics.csv") and open("runs/001/metrics.csv").read().count("\n") > 2):
    os.read(terminal, 1000)
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
END
  status=0
  TERM=xterm python3 terminal.py "$program" train.yaml run.steps=1000000 nodes.save.every=1000000 || status=$?
  ends 75
  [[ -e runs/001/checkpoints ]] || fail 'it has not saved'
}

preview() { printf -- 'nodes.preview={type: run_pipeline, pipeline: sample.yaml, model: ema, set: {count: %d}, every: 2}' "$1"; }

CutsAPreviewShortAndDrawsItWhenTheRunGoesOn() {
  local -r given=(train.yaml run.steps=4 nodes.save.every=100 --add "$(preview 600)")
  local -r pictures=previews/step-000004/images
  run "${given[@]}" run.output=whole
  ends 0
  background "${given[@]}" run.output=cut
  comes "cut/001/$pictures/*"
  kill -TERM "$process"
  ended
  ends 75
  has "$out" "'preview' of step 4 was cut short; it runs again when the run goes on"
  is "${out##*$'\n'}" 'stopped after step 4; to go on: run-pipeline --resume cut/001'
  is "$(ls cut/001/previews/step-000004)" preview.unfinished
  is "$(ls cut/001/checkpoints)" step-000004
  run --resume cut/001
  ends 0
  same "whole/001/previews" "cut/001/previews"
}

TakesNoStepBehindAPreviewThatIsCutShort() {
  local -r given=(train.yaml run.steps=5 nodes.save.every=100 --add "$(preview 150)")
  run "${given[@]}" run.output=whole
  ends 0
  background "${given[@]}" run.output=cut
  comes cut/001/previews/step-000002/'images/*'
  kill -TERM "$process"
  ended
  ends 75
  is "${out##*$'\n'}" 'stopped after step 2; to go on: run-pipeline --resume cut/001'
  run --resume cut/001
  ends 0
  same whole/001/previews cut/001/previews
  same whole/001/checkpoints/step-000005/weights.safetensors cut/001/checkpoints/step-000005/weights.safetensors
}

DrawsAPreviewAgainWithTheStepThatIsDoneAgain() {
  run train.yaml run.steps=4 nodes.save.every=3 --add "$(preview 3)"
  ends 0
  cp -r runs/001/previews before
  rm -r runs/001/checkpoints/step-000004  # as after a kill between the preview and the checkpoint
  run --resume runs/001
  ends 0
  same before runs/001/previews
}

SweepDrawsThePreviewThatItsMetricNeeds() {
  sweep 2.0e-3,1.0e-3
  sed -i 's/{file: .*/{file: distance.csv, column: distance}/' sweep.yaml
  sed 's/^  files: .*//' sample.yaml >judge.yaml
  cat >>judge.yaml <<'YAML'
  digits:   {type: drawn_digits, size: 16}
  real:     {type: to_signed, in: digits}
  distance: {type: sliced_wasserstein, in: {samples: denoise.x, reference: real}}
YAML
  local -r given=(sweep sweep.yaml --add 'nodes.judge={type: run_pipeline, pipeline: judge.yaml, model: ema, set: {count: 600}, every: 100}')
  run "${given[@]}" sweep.output=whole
  ends 0
  background "${given[@]}"
  comes 'sweeps/001/*/seed-1/001/previews/step-000003'
  kill -USR1 "$process"
  ended
  ends 75
  run "${given[@]}" --resume
  ends 0
  is "$(cut -d, -f1-4 sweeps/001/report.csv)" "$(cut -d, -f1-4 whole/001/report.csv)"
}

PackingThatIsStoppedLeavesNoFile() {
  cat >pack.yaml <<'YAML'
run: {images: 1000000}
nodes:
  digits: {type: drawn_digits, size: 16}
  file:   {type: hdf5_writer, in: {images: digits}, path: digits.h5}
YAML
  background pack.yaml
  comes digits.h5.part
  kill -INT "$process"
  ended
  ends 75
  [[ $out =~ digits.h5\ was\ not\ written:\ only\ [0-9]+\ images?\ had\ come,\ which\ digits.h5.part\ keeps ]] ||
    fail 'it does not say that nothing is there'
  [[ ${out##*$'\n'} == 'stopped after '*' of 1000000 images' ]] || fail 'it does not say how far it came'
  [[ ! -e digits.h5 ]] || fail 'a half file has its name'
}

FailsWhereEveryPictureIsBroken() {
  mkdir pictures
  echo no >pictures/a.png
  echo no >pictures/b.png
  cat >pack.yaml <<'YAML'
nodes:
  files: {type: image_folder, path: pictures, on_error: drop}
  small: {type: resize, in: files, size: 16}
  cut:   {type: center_crop, in: small, size: 16}
  file:  {type: hdf5_writer, in: {images: cut}, path: small.h5}
YAML
  run pack.yaml
  ends 1
  has "$out" '2 dropped:'
  is "$err" 'nothing was made: all of 2 images were dropped'
  [[ ! -e small.h5 ]] || fail 'it wrote a file'
}

SweepStopsWithTheRunThatIsUnderWay() {
  sweep 2.0e-3,1.0e-3
  background sweep sweep.yaml nodes.adam.warmup_steps=0 run.steps=1000000 'sweep.seeds=[1]'
  comes 'sweeps/001/*/seed-1/001/metrics.csv'
  kill -INT "$process"
  ended
  ends 75
  is "${out##*$'\n'}" \
    "stopped; to go on: run-pipeline sweep sweep.yaml nodes.adam.warmup_steps=0 run.steps=1000000 'sweep.seeds=[1]' --resume"
  is "$(find sweeps -name 'seed-*' | wc -l)" 1
}

SweepTakesValuesOfItsOwnSection() {
  sweep 2.0e-3,1.0e-3
  run sweep sweep.yaml 'sweep.seeds=[1, 2, 3]' sweep.metric.column=losss --list
  ends 2
  has "$err" "'metric': 'metrics.csv' has no column 'losss'; did you mean 'loss'?"
  run sweep sweep.yaml 'sweep.seeds=[1, 2, 3]' 'sweep.baseline={learning_rate: 1.0e-3}' run.steps=2 --list
  ends 0
  is "${out##*$'\n'}" '2 cells, 3 seeds: 6 runs'
  has "$out" 'learning_rate=1.0e-3   (the baseline)'
  run sweep sweep.yaml sweep.seedz=1 --list
  ends 2
  has "$err" "unknown key 'seedz'"
}

SweepNamesTheRunsThatFailAndDoesTheOthers() {
  sweep 2.0e-3,1.0e+30
  run sweep sweep.yaml nodes.adam.warmup_steps=0 nodes.adam.clip_norm=0
  ends 1
  has "$err" '2 of 4 runs failed:
  learning_rate=1.0e+30 seed 1: train.yaml:'
  has "$err" 'to try them again: run-pipeline sweep sweep.yaml nodes.adam.warmup_steps=0 nodes.adam.clip_norm=0 --resume; without them: --resume --skip-failed'
  is "$(grep -c '^2.0e-3,[12],[0-9]' sweeps/001/report.csv)" 2
  is "$(grep -c '^1.0e+30,[12],,,' sweeps/001/report.csv)" 2
  has "$out" 'nothing to compare'
  run sweep sweep.yaml nodes.adam.warmup_steps=0 nodes.adam.clip_norm=0 --resume --skip-failed
  ends 1
  [[ $out != *sweeps/001/*seed* ]] || fail 'it has tried again'
  has "$err" '2 of 4 runs failed:'
  run sweep sweep.yaml nodes.adam.warmup_steps=0 nodes.adam.clip_norm=0 --resume
  ends 1
  has "$out" 'learning_rate=1.0e+30 seed 1 failed: '
}

VerifyLeavesNothingBehind() {
  background verify train.yaml run.steps=1000000 --steps 100000 --threads 1,2
  comes 'temporary/*/001/metrics.csv'
  kill -INT "$process"
  ended
  ends 75
  nothing_stays
}

BenchLeavesNothingBehind() {
  background bench train.yaml --seconds 600
  comes 'temporary/*/001/machine.json'
  kill -HUP "$process"
  ended
  ends 75
  nothing_stays
}

SaysWhenAFileMayNotGrow() {
  (ulimit -f 60 && exec "$program" train.yaml model.channels=32 >out.txt 2>err.txt </dev/null) && status=0 || status=$?
  out=$(<out.txt) err=$(<err.txt)
  ends 1
  has "$err" ': File too large'
}

"$2"
