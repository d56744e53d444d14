#!/usr/bin/env bash
# before_a_run.sh PROGRAM CASE: what a command line means, and what is said before anything runs.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

TakesOptionsAndOverridesInAnyOrder() {
  run run.steps=3 train.yaml --threads 1 run.steps=2
  ends 0
  is "$(ls runs/001/checkpoints)" step-000002  # the later of two
  run --resume train.yaml run.steps=3 --threads 1
  ends 0
  is "$(ls runs)" 001
  run train.yaml run.steps=7 --resume run.steps=4
  ends 0
  is "$(ls runs/001/checkpoints | tail -n 1)" step-000004
  run train.yaml run.steps=9 --resume runs/001 run.steps=5
  ends 0
  is "$(ls runs/001/checkpoints | tail -n 1)" step-000005
  run resolve --plain run.steps=8 train.yaml
  ends 0
  has "$out" 'steps: 8'
  run resolve train.yaml --plain --add run.threads=2 run.threads=3 --remove run.output
  ends 0
  has "$out" 'threads: 3'
}

SaysItsVersionAndHelp() {
  run --version
  ends 0
  [[ $out =~ ^run-pipeline\ [0-9]+\.[0-9]+\.[0-9]+\ of\ Dagfusion$ ]] || fail 'is no version'
  run --help
  local help=$out
  run help
  ends 0
  is "$out" "$help"
  run check --help
  help=$out
  run help check
  ends 0
  is "$out" "$help"
}

FailsWhenItsOutputIsNotTaken() {
  local command
  for command in 'resolve train.yaml' 'plan train.yaml' 'check train.yaml' 'describe add_noise' 'nodes' \
    'diff train.yaml train.yaml' 'man' 'schema' 'completion bash' 'graph train.yaml' '--help' '--version' 'check --help'; do
    status=0
    "$program" $command >/dev/full 2>err.txt </dev/null || status=$?
    : >out.txt
    [[ $status == 1 ]] || fail "$command ends with $status"
    [[ -s err.txt ]] || fail "$command says nothing"
  done
  "$program" resolve train.yaml >/dev/full 2>err.txt || true
  is "$(<err.txt)" 'run-pipeline: cannot write to standard output: not all of it was taken'
}

KnowsWhatCannotBeTracedOrRecorded() {
  mkdir folder
  run train.yaml --trace no/folder/trace.json
  ends 2
  is "$err" "command line: --trace: there is no folder 'no/folder' to write 'trace.json' in"
  run train.yaml --trace folder
  ends 2
  is "$err" "command line: --trace: 'folder' is a folder; name a file, like folder/trace.json"
  run train.yaml run.steps=3 --record step=4,node=loss
  ends 2
  is "$err" 'command line: --record: there is no step 4; the run ends with step 3'
  run train.yaml run.steps=3 --record step=1,node=los
  ends 2
  is "$err" "command line: --record: no node 'los'; did you mean 'loss'?"
  [[ ! -e runs ]] || fail 'a run directory was made'
}

RefusesAFolderForAFile() {
  mkdir grid.png
  run train.yaml run.steps=3
  run sample.yaml --remove run.output nodes.files.type=png_grid nodes.files.path=grid.png
  ends 2
  has "$err" "node 'files' (png_grid): 'path' is grid.png, which is a folder; it must be a file to write"
}

KnowsTheHomeDirectoryInPaths() {
  export HOME=$PWD/home
  mkdir home
  run train.yaml run.steps=1 'run.output=~/out'
  ends 0
  [[ -d home/out/001 && ! -e '~' ]] || fail 'the run is somewhere else'
  run train.yaml run.steps=1 'run.output=$HOME/out'
  ends 2
  has "$err" "'\$HOME/out' begins with a variable of the shell, and no shell reads it here; write ~/ for the home directory, or the whole path"
}

WarnsBeforeARun() {
  run train.yaml run.steps=3 nodes.ema.decay=0.9999 --add 'nodes.spare={type: to_signed, in: images}' --remove nodes.save
  ends 0
  has "$out" "node 'ema' (weight_average): 'decay' is 0.9999, slow for 3 steps: 100% of the average would still be the weights of the first; warmup: power makes it faster"
  has "$out" "node 'spare' (to_signed): no node reads what it gives"
  has "$out" 'warning   no checkpoint node is in the pipeline: what is trained is lost with the end'
  run train.yaml run.steps=3 nodes.ema.decay=0.9999 run.output=runs/young
  run sample.yaml vars.checkpoint=runs/young vars.count=1
  ends 0
  has "$out" 'model: after 3 steps of training, images are hardly more than noise'
  has "$out" "model: after 3 steps, 100% of the average 'ema' are the weights of the first; model.weights=live are those that were trained"
}

GoesOnWithTheNewestRunThatHasACheckpoint() {
  run train.yaml --resume run.steps=3
  ends 0
  has "$out" "nothing to go on with below 'runs'; starts from the beginning"
  run train.yaml run.steps=2 --remove nodes.save
  is "$(ls runs)" $'001\n002'
  run train.yaml run.steps=5 --resume
  ends 0
  has "$out" 'passed over: runs/002: it has no checkpoint'
  has "$out" 'goes on after step 3'
  [[ -e runs/001/checkpoints/step-000005 ]] || fail 'the first run did not go on'
  run train.yaml run.steps=5 --resume
  ends 0
  has "$out" 'runs/001 has done 5 steps, and run.steps is 5; give it a larger number to go on'
  [[ $out != *'slow for 5 steps'* ]] || fail 'it warns of a run that does not come'
}

GoesOnWithEqualNumbersAndDataThatMoved() {
  run train.yaml run.steps=3
  run train.yaml run.steps=4 --resume vars.rate=0.002
  ends 0
  run train.yaml run.steps=5 --resume vars.rate=2e-3 --add run.precision=float32
  ends 0
  printf '\x93NUMPY\x01\x00\x46\x00%-69s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 1, 16, 16), }" >images.npy
  head -c 1024 /dev/zero >>images.npy
  run train.yaml run.steps=3 run.output=npy nodes.images='{type: npy_reader, path: images.npy}'
  ends 0
  mkdir away && mv images.npy away/moved.npy
  run train.yaml run.steps=4 run.output=npy nodes.images='{type: npy_reader, path: away/moved.npy}' --resume
  ends 0
  printf x | dd of=away/moved.npy bs=1 seek=500 conv=notrunc status=none
  run train.yaml run.steps=5 run.output=npy nodes.images='{type: npy_reader, path: away/moved.npy}' --resume
  ends 2
  has "$err" 'the data set was '
}

"$2"
