#!/usr/bin/env bash
# look_at_runs.sh PROGRAM CASE: lists of runs, a run that is followed, and projects to start from.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

RunsTellsWhatIsThere() {
  run train.yaml
  loss=$(tail -n 1 runs/001/metrics.csv | cut -d, -f4)
  run sample.yaml run.output=runs/drawn
  mkdir -p runs/deep/er && cp -r runs/001 runs/deep/er/002 && rm -r runs/deep/er/002/checkpoints
  sed -i '8,$d' runs/deep/er/002/metrics.csv
  run runs
  ends 0
  is "$(sed -n 1p <<<"$out" | tr -s ' ')" 'run state steps last loss time size'
  is "$(sed -n 2p <<<"$out" | tr -s ' ' | cut -d' ' -f1-4)" "runs/001 done 12/12 $(printf '%.4g' "$loss")"
  is "$(sed -n 3p <<<"$out" | tr -s ' ' | cut -d' ' -f1-3)" 'runs/deep/er/002 stopped 6/12'
  is "$(sed -n 4p <<<"$out" | tr -s ' ' | cut -d' ' -f1-2)" 'runs/drawn/001 done'
  run runs runs/001 --json
  ends 0
  has "$out" "\"run\": \"runs/001\",
    \"state\": \"done\",
    \"step\": 12,
    \"steps\": 12,
    \"images\": 144,"
  has "$out" "\"loss\": $loss,"
  echo 'run: [' >runs/deep/er/002/pipeline.yaml
  run runs
  ends 2
  has "$out" 'runs/001'
  has "$err" 'runs/deep/er/002/pipeline.yaml:'
}

RunsRefusesAFolderWithoutRuns() {
  run runs nothing
  ends 2
  is "$err" "command line: there is no folder 'nothing'"
  mkdir empty
  run runs empty
  ends 2
  is "$err" "command line: there are no runs below 'empty'"
}

WatchFollowsARunToItsEnd() {
  started
  run runs
  is "$(sed -n 2p <<<"$out" | tr -s ' ' | cut -d' ' -f1-2)" 'runs/001 running'
  run watch runs --once
  ends 0
  has "$out" 'runs/001  running'
  has "$out" '/1000000  loss '
  has "$out" ' left'
  run watch runs/001 --json
  ends 0
  has "$out" '"state": "running"'
  "$program" watch runs/001 >watched.txt 2>&1 &
  local -r watching=$!
  sleep 0.5
  kill -INT "$process"
  ended
  wait "$watching"
  has "$(<watched.txt)" 'runs/001  stopped'
  has "$(<watched.txt)" 'loss '
  [[ $(<watched.txt) == *[▁▂▃▄▅▆▇█]* ]] || fail 'no losses as a line' "$(<watched.txt)"
}

WatchRefusesWhatIsNoRun() {
  run watch nothing
  ends 2
  is "$err" "command line: there is no run directory 'nothing'"
  mkdir empty
  run watch empty
  ends 2
  is "$err" "command line: 'empty' is not a run directory: there is no pipeline.yaml of a run in it, nor in one below it"
}

InitWritesAProjectThatRuns() {
  run init project
  ends 0
  is "$(cd project && echo .gitignore *)" '.gitignore ablate.yaml pack.yaml pipeline.schema.json sample.yaml train.yaml'
  has "$out" 'cd project'
  run init other --json
  ends 0
  is "$(tr -d '\n ' <<<"$out")" '["other/train.yaml","other/sample.yaml","other/pack.yaml","other/ablate.yaml","other/pipeline.schema.json","other/.gitignore"]'
  cd project
  run check train.yaml
  ends 0
  run sweep ablate.yaml --list
  ends 0
  has "$out" '6 cells, 2 seeds: 12 runs'
  run train.yaml run.steps=2 run.batch_size=4 nodes.preview.set.count=1 nodes.save.every=2
  ends 0
  run sample.yaml vars.count=1
  ends 0
  [[ -e runs/sample/001/samples.png ]] || fail 'nothing is drawn'
  mkdir my_pictures && cp runs/sample/001/samples.png my_pictures
  run pack.yaml
  ends 0
  run check train.yaml 'nodes.images={type: hdf5_images, path: images.h5}' run.batch_size=1
  ends 0
}

InitOverwritesNothing() {
  mkdir project
  echo mine >project/train.yaml
  ln -s nowhere project/.gitignore
  run init project
  ends 2
  is "$err" "command line: 'project/train.yaml' is there already; init overwrites nothing
command line: 'project/.gitignore' is there already; init overwrites nothing"
  is "$(<project/train.yaml)" mine
  [[ ! -e project/sample.yaml ]] || fail 'half a project is there'
  touch file
  run init file
  ends 2
  has "$err" "command line: cannot make 'file': "
}

"$2"
