#!/usr/bin/env bash
# file_systems.sh PROGRAM CASE: file systems that cannot do all, are full, or read-only. FAULTS: the library of
# tests/faults.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

run_with() {  # FAULT=VALUE... -- ARGUMENT...: sets status, out, err
  local faults=()
  while [[ $1 != -- ]]; do faults+=("$1"); shift; done
  status=0
  env LD_PRELOAD="$FAULTS" "${faults[@]}" "$program" "${@:2}" >out.txt 2>err.txt </dev/null || status=$?
  out=$(<out.txt)
  err=$(<err.txt)
}

with_faults_or_skip() {  # a sanitizer stands in front of libc itself
  [[ -n ${FAULTS-} ]] && LD_PRELOAD=$FAULTS "$program" --help >out.txt 2>err.txt || exit 77
}

TrainsWhereFilesHaveNoLocks() {
  with_faults_or_skip
  run_with FAULT_LOCK=38 -- train.yaml
  ends 0
  has "$out" "warning   the file system of 'runs/001' has no locks (Function not implemented); nothing keeps a second process out of the run"
}

TrainsWhereFoldersCannotBeSynced() {
  with_faults_or_skip
  run train.yaml
  ends 0
  run_with FAULT_FOLDER_SYNC=22 -- train.yaml
  ends 0
  has "$out" "warning   the file system of 'runs/002' cannot sync folders (Invalid argument); when the machine stops at once, the newest checkpoint may be lost"
  same runs/001/checkpoints/step-000012 runs/002/checkpoints/step-000012
}

GoesOnWhileAnOldCheckpointStays() {
  with_faults_or_skip
  run_with FAULT_REMOVAL=39 -- train.yaml --add nodes.save.keep=2
  ends 0
  has "$out" "warning: an old checkpoint could not be removed, 'runs/001/checkpoints/step-000003.removed': Directory not empty"
  has "$out" "warning: an old checkpoint could not be removed, 'runs/001/checkpoints/step-000006.removed': Directory not empty"
  is "$(echo runs/001/checkpoints/step-000012/MANIFEST)" runs/001/checkpoints/step-000012/MANIFEST
  run --resume runs/001 run.steps=13
  ends 0
  is "$(cd runs/001/checkpoints && echo step-*)" 'step-000012 step-000013'
}

DoesNotBeginWithoutRoomForACheckpoint() {
  with_faults_or_skip
  run_with FAULT_FREE_BYTES=1000000 -- train.yaml
  ends 1
  is "$err" "run-pipeline: 'runs/001' has 1 MB free, but 2 MB are needed; make room and start again"
  [[ ! -e runs/001 ]] || fail 'the folder of a run that never began is there'
}

SaysThatTheDiskIsReadOnly() {
  with_faults_or_skip
  run_with FAULT_FOLDER=30 -- train.yaml
  ends 2
  is "$err" "cannot make 'runs': Read-only file system"
}

SaysThatAFileMayNotBeSoLarge() {
  status=0
  (ulimit -f 20 && exec "$program" train.yaml) >out.txt 2>err.txt </dev/null || status=$?
  err=$(<err.txt)
  ends 1
  has "$err" 'File too large'
}

NamesTheFolderThatCannotBeMade() {
  touch taken
  cat >grid.yaml <<END
run: {images: 4}
nodes:
  digits: {type: drawn_digits, size: 16}
  grid:   {type: png_grid, in: digits, path: $PWD/taken/sub/grid.png}
END
  run grid.yaml
  ends 1
  is "$err" "run-pipeline: grid.yaml:4:3: node 'grid' (png_grid): cannot create directories '$PWD/taken/sub': Not a directory (at the end of the run)"
}

NamesTheFolderForTemporaryFiles() {
  status=0
  TMPDIR=/no/such/folder "$program" verify train.yaml >out.txt 2>err.txt </dev/null || status=$?
  ends 1
  is "$(<err.txt)" "run-pipeline verify: there is no folder '/no/such/folder' for temporary files; set TMPDIR to one"
}

TrainsWithoutHomeAndFolderForTemporaryFiles() {
  status=0
  env -i TMPDIR=/no/such/folder "$program" train.yaml >out.txt 2>err.txt </dev/null || status=$?
  ends 0
}

TrainsWithTwentyFiles() {
  status=0
  (ulimit -n 20 && exec "$program" train.yaml) >out.txt 2>err.txt </dev/null || status=$?
  ends 0
}

"$2"
