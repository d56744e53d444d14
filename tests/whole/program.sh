#!/usr/bin/env bash
# program.sh PROGRAM CASE: tests what run-pipeline says and returns, from a folder that is not the repository's.
set -euo pipefail

program=$1
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
away=$(mktemp -d)
trap 'rm -rf "$away"' EXIT
cd "$away"

run() {  # ARGUMENT...: sets status, out, err
  status=0
  "$program" "$@" >out.txt 2>err.txt </dev/null || status=$?
  out=$(<out.txt)
  err=$(<err.txt)
}

is() {  # WHAT VALUE EXPECTED
  [[ $2 == "$3" ]] && return
  printf '%s is\n  %s\nand should be\n  %s\n' "$1" "$2" "$3" >&2
  exit 1
}

has() {  # WHAT VALUE PART
  [[ $2 == *"$3"* ]] && return
  printf '%s is\n  %s\nand should have\n  %s\n' "$1" "$2" "$3" >&2
  exit 1
}

ShowsItsUseWithoutArguments() {
  run
  is status "$status" 2
  is out "$out" ''
  has err "$err" 'Usage: run-pipeline [OPTIONS] [file] [overrides...]'
}

NamesAFileThatIsNotThere() {
  run nothing.yaml
  is status "$status" 2
  is err "$err" 'nothing.yaml: does not exist'
}

TakesAMisspeltCommandForNoFile() {
  run chek pipelines/forward.yaml
  is status "$status" 2
  is err "$err" "chek: no such file or command; did you mean 'check'?"
}

FindsItsPipelinesFromEveryFolder() {
  run pipelines/forward.yaml --check
  is status "$status" 0
  has out "$out" 'no fault found'
}

PrefersTheUsersPipelines() {
  mkdir pipelines
  echo 'nodes: {digits: {type: drawn_digit}}' >pipelines/forward.yaml
  run pipelines/forward.yaml --check
  is status "$status" 2
  has err "$err" "pipelines/forward.yaml:1:24: node 'digits': no type 'drawn_digit'; did you mean 'drawn_digits'?"
}

ChecksAllThatTheReadmeSwaps() {  # what it runs on pipelines that need no data and no checkpoint
  local line lines arguments
  mapfile -t lines < <(sed -n 's/ *#.*//; s|^tools/run-pipeline \(pipelines/train.yaml .*\)|\1|p' \
    "$source_folder/README.md" | grep -v -e --resume -e run.steps)
  [[ ${#lines[@]} -ge 2 ]] || is 'number of commands' "${#lines[@]}" 'two at least'
  for line in "${lines[@]}"; do
    mapfile -t arguments < <(xargs -n 1 <<<"$line")  # xargs takes quotes as a shell does
    run "${arguments[@]}" --check
    is "what '$line' says" "$err" ''
    is "status of '$line'" "$status" 0
  done
}

ChecksAllFilesOfTheReadmeThatExtendOthers() {
  ln -s "$source_folder/pipelines" pipelines
  awk '/^```/ { inside = /yaml/; delta = 0; next } inside && /^extends:/ { ++n; delta = 1 } delta { print > (n ".yaml") }' \
    "$source_folder/README.md"
  [[ -e 6.yaml && ! -e 7.yaml ]] || is 'files of the README' "$(ls)" '1.yaml to 6.yaml'
  for file in [1-6].yaml; do
    ! grep -q sample.yaml "$file" || continue  # needs a checkpoint
    if grep -q sweep: "$file"; then run sweep "$file" --list; else run check "$file"; fi
    is "what $file says" "$err" ''
    is "status of $file" "$status" 0
  done
}

RunsWhereItIsInstalled() {
  local build=${program%/tools/run-pipeline}
  cmake --install "$build" --prefix "$away/prefix" >/dev/null
  program=$away/prefix/bin/run-pipeline
  [[ -e $away/prefix/share/dagfusion/pipelines/train.yaml ]]
  run pipelines/forward.yaml run.images=2 run.output=runs
  is status "$status" 0
  [[ -s runs/001/direct.png && -s runs/001/chain.png ]]
}

"$2"
