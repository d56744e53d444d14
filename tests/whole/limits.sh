#!/usr/bin/env bash
# limits.sh PROGRAM CASE: runs that get less memory than they need.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

works_with() { (ulimit -v "$1" && ulimit -c 0 && exec "$program" --help) >out.txt 2>&1; }  # KIB

# From the least memory in which the program can be loaded to what the run needs, in steps of 2 MiB: it ends as it
# should, or with one sentence.
ends_in_one_sentence() {  # FOLDER-IT-WRITES ARGUMENT...
  works_with $((16 << 20)) || exit 77  # a sanitizer takes more than that for itself
  local limit=65536 tries=0
  until works_with "$limit"; do limit=$((limit + 4096)); done
  for (( ; ; limit += 2048)); do
    ((++tries < 400)) || fail 'no limit is enough'
    rm -rf "$1"
    status=0
    (ulimit -v "$limit" && ulimit -c 0 && exec timeout 60 "$program" "${@:2}") >out.txt 2>err.txt </dev/null || status=$?
    [[ $status != 127 ]] || continue  # a library could not be loaded
    [[ $status != 0 ]] || break
    err=$(grep '^run-pipeline: ' err.txt || true)
    [[ $status == 1 || $status == 2 ]] || fail "the status is $status with $limit KiB"
    # Libraries that read and write pictures may have lost some words of their own before.
    [[ $(grep -c '^run-pipeline: ' err.txt) == 1 ]] || fail "no single sentence with $limit KiB"
    [[ $err != *std::* ]] || fail "not in our words with $limit KiB"
  done
  ((tries > 5)) || fail 'nothing was tried'
}

TrainingEndsInOneSentenceWithoutMemory() {
  ends_in_one_sentence runs train.yaml run.steps=2 run.lanes=8 run.threads=4
}

SamplingEndsInOneSentenceWithoutMemory() {
  run train.yaml run.steps=2
  ends 0
  ends_in_one_sentence samples sample.yaml run.lanes=8 run.threads=4
}

"$2"
