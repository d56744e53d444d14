#!/usr/bin/env bash
# signals.sh PROGRAM [ROUNDS [SEED]]: sends INT, TERM, HUP and USR1 at random moments to whatever the program can be doing:
# ROUNDS of each signal, spread over a training with previews, a sampling, a packing, a sweep, a verify and a bench.
# Each must end with 75 (or 0, where it was done before), name a checkpoint that is there, and leave nothing else behind;
# a training and a packing must go on to the bytes of one that was never stopped.
# By hand: tests/whole/signals.sh build/tools/run-pipeline 200
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

rounds=${2:-3}
RANDOM=${3:-1}
export TMPDIR=$away/temporary
mkdir "$TMPDIR"
readonly signals=(INT TERM HUP USR1)
readonly kinds=(train sample pack sweep verify bench)
readonly steps=24
readonly train=(train.yaml run.steps=$steps nodes.save.every=2
  --add 'nodes.preview={type: run_pipeline, pipeline: sample.yaml, model: ema, set: {count: 6}, every: 3}')
cat >pack.yaml <<'END_OF_FILE'
run: {images: 20000}
nodes:
  digits: {type: drawn_digits, size: 16}
  file:   {type: hdf5_writer, in: {images: digits}, path: digits.h5}
END_OF_FILE
cat >sweep.yaml <<'END_OF_FILE'
extends: train.yaml
set: {run.steps: 8}
sweep:
  axes: {nodes.adam.learning_rate: [2.0e-3, 1.0e-3]}
  seeds: [1, 2]
  metric: {file: metrics.csv, column: loss}
  output: sweeps
END_OF_FILE

arguments() {  # KIND: sets words
  case $1 in
    train) words=("${train[@]}") ;;
    sample) words=(sample.yaml vars.checkpoint=whole/001 vars.count=200) ;;
    pack) words=(pack.yaml) ;;
    sweep) words=(sweep sweep.yaml) ;;
    verify) words=(verify train.yaml --steps 16 --threads 1,2) ;;
    bench) words=(bench train.yaml --seconds 0.5) ;;
  esac
}

now() { date +%s%3N; }  # milliseconds
none() { ! compgen -G "$1" >/dev/null || fail "$2 left $1"; }  # PATTERN WHO

# Before the program has read its arguments a signal ends it as any other program, and it has made nothing.
too_early() { [[ $status == $((128 + $1)) && ! -s out.txt && ! -e runs && ! -e samples && ! -e sweeps ]]; }

train_goes_on() {
  if compgen -G 'runs/001/checkpoints/step-*' >/dev/null; then
    [[ $status == 0 ]] || run --resume runs/001
    ends 0
    local -r last=checkpoints/step-$(printf %06d $steps)
    same "whole/001/$last" "runs/001/$last"
    same whole/001/previews runs/001/previews
    is "$(cut -d, -f1,2 runs/001/metrics.csv)" "$(cut -d, -f1,2 whole/001/metrics.csv)"
  elif [[ -e runs ]]; then
    has "$out" 'stopped before the first step'
  fi
}

packing_goes_on() {
  if [[ $status != 0 ]]; then
    none digits.h5 pack
    run pack.yaml --resume
    ends 0
  fi
  cmp digits.h5 whole.h5
  is "$(ls digits.h5*)" digits.h5
}

nothing_is_lost() {  # KIND
  is "$(ls "$TMPDIR")" ''
  none 'runs/*/checkpoints/*.partial' "$1"
  case $1 in
    train) train_goes_on ;;
    pack) packing_goes_on ;;
    sweep)
      [[ $status == 0 || ! -e sweeps ]] || run sweep sweep.yaml --resume
      [[ ! -e sweeps ]] || ends 0
      ;;
  esac
}

one() {  # SIGNAL KIND
  local -r number=$(kill -l "$1")
  rm -rf runs samples sweeps digits.h5*
  arguments "$2"
  "$program" "${words[@]}" >out.txt 2>err.txt </dev/null &
  process=$!
  local -r moment=$((RANDOM % ${longest[$2]}))
  sleep "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))"
  kill "-$1" "$process" 2>/dev/null || true
  ended
  counts[$status]=$((${counts[$status]:-0} + 1))
  too_early "$number" && return
  [[ $status == 0 || $status == 75 ]] || fail "$2 ends with $status after $1"
  nothing_is_lost "$2"
}

run "${train[@]}"
ends 0
mv runs whole
run pack.yaml
ends 0
mv digits.h5 whole.h5
declare -A longest
declare -A counts
for kind in "${kinds[@]}"; do  # how long each takes, in milliseconds
  arguments "$kind"
  begin=$(now)
  run "${words[@]}"
  ends 0
  longest[$kind]=$(($(now) - begin))
done
total=0
for ((round = 0; round < rounds; ++round)); do
  for ((s = 0; s < ${#signals[@]}; ++s)); do
    one "${signals[s]}" "${kinds[(round + s) % ${#kinds[@]}]}"
    total=$((total + 1))
  done
done
echo "$total signals, by exit code:"
for status in "${!counts[@]}"; do echo "  $status: ${counts[$status]}"; done
