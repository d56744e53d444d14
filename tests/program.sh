#!/usr/bin/env bash
# program.sh PROGRAM CASE: tests what run-pipeline says and returns, from a folder that is not the repository's.
set -euo pipefail

program=$1
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
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
  is err "$err" 'nothing.yaml: cannot be read; check that the file exists and is readable'
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
  [[ ${#lines[@]} -ge 3 ]] || is 'number of commands' "${#lines[@]}" 'three at least'
  for line in "${lines[@]}"; do
    mapfile -t arguments < <(xargs -n 1 <<<"$line")  # xargs takes quotes as a shell does
    run "${arguments[@]}" --check
    is "what '$line' says" "$err" ''
    is "status of '$line'" "$status" 0
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

small_training() {  # what stands behind the images' line
  cat <<'YAML'
run: {seed: 3, steps: 2, batch_size: 8, micro_batch: 2, output: runs}
diffusion: {schedule: cosine, timesteps: 100, prediction: v}
model: {type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], groups: 4}
nodes:
  images: {type: drawn_digits, size: 16}
  x0: {type: to_signed, in: images}
  t: {type: uniform_timesteps, in: x0}
  noise: {type: gaussian_noise, in: x0}
  xt: {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  out: {type: model, in: {x: xt, t: t}}
  target: {type: prediction_target, in: {x0: x0, noise: noise, t: t}}
  loss: {type: mse_loss, in: {prediction: out, target: target}}
  adam: {type: adam, minimize: loss, learning_rate: 2.0e-3}
  log: {type: metrics_log, in: {loss: loss}}
  save: {type: checkpoint, every: 5}
YAML
}

small_sampling() {
  cat <<'YAML'
run: {images: 3, micro_batch: 2}
diffusion: {schedule: cosine, timesteps: 100, prediction: v}
model: {type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], groups: 4}
nodes:
  images: {type: drawn_digits, size: 16}
  x0: {type: to_signed, in: images}
  xT: {type: gaussian_noise, in: x0}
  denoise:
    loop:
      each: {type: ddim_timesteps, steps: 5}
      carry: {x: xT}
      nodes:
        out: {type: model, in: {x: carry.x, t: each.t}}
        prev: {type: ddim_step, in: {x: carry.x, prediction: out, each: each}}
      next: {x: prev}
  bytes: {type: to_bytes, in: denoise.x}
  grid: {type: png_grid, in: bytes, path: samples.png}
YAML
}

json() {  # KEY...: a value of the object in out.txt
  printf 'file(READ out.txt text)\nstring(JSON value GET "${text}" %s)\nmessage("${value}")\n' "$*" >get.cmake
  cmake -P get.cmake 2>&1
  rm get.cmake
}

# What a bench leaves in its folder, beside the files named, and in that for temporary files.
is_clean() {  # FILE...
  is 'the folder' "$(ls -A | grep -vxF -e out.txt -e err.txt -e temporary "${@/#/-e}" | tr '\n' ' ')" ''
  is 'the temporary folder' "$(ls -A temporary)" ''
}

BenchRefusesWhatItCannotMeasure() {
  run bench
  is status "$status" 2
  has err "$err" 'file is required'
  run bench nothing.yaml
  is status "$status" 2
  is err "$err" 'nothing.yaml: cannot be read; check that the file exists and is readable'
  small_training >train.yaml
  local seconds
  for seconds in 0 -1 soon; do
    run bench train.yaml --seconds "$seconds"
    is status "$status" 2
    has err "$err" "--seconds: Value $seconds not in range 0.1"
  done
}

BenchMeasuresTraining() {
  mkdir temporary
  export TMPDIR=$away/temporary
  small_training >train.yaml
  run bench train.yaml --seconds 0.2 --threads 2
  is err "$err" ''
  is status "$status" 0
  has out "$out" 'train.yaml: 44,969 parameters, '
  has out "$out" ' images/s, '
  has out "$out" '% of the peak in the median'
  has out "$out" 'until the first frame enters the model'
  has out "$out" 'the nodes in front of the model could bring '
  has out "$out" 'adam_update'
  is_clean train.yaml
}

BenchMeasuresSampling() {
  mkdir temporary
  export TMPDIR=$away/temporary
  small_sampling >sample.yaml
  run bench sample.yaml --seconds 0.2 --threads 2 --json
  is err "$err" ''
  is status "$status" 0
  is training "$(json training)" OFF
  is threads "$(json threads)" 2
  [[ $(json images_per_second) =~ ^[1-9] && $(json percent_of_peak median) =~ ^[0-9] ]]
  is_clean sample.yaml
}

BenchMeasuresHowItScales() {
  small_training >train.yaml
  run bench train.yaml --seconds 0.2 --threads 2 --scaling --json
  is status "$status" 0
  is threads "$(json scaling threads)" 2
  [[ $(json scaling by_peak) =~ ^[0-9] && $(json types 0 forward_ms) =~ ^[0-9] ]]
  [[ $(json nodes 0 type) =~ ^[a-z_0-9]+$ ]]
}

BenchKeepsTheUsersFiles() {
  mkdir temporary
  export TMPDIR=$away/temporary
  small_sampling >sample.yaml
  run bench sample.yaml nodes.grid.path="$away/mine.png" --seconds 0.2
  is status "$status" 2
  is err "$err" "command line: node 'grid' (png_grid): 'path' is '$away/mine.png'; a bench writes to a temporary folder only: give a relative path"
  echo mine >samples.png
  run bench sample.yaml --seconds 0.2
  is status "$status" 0
  is samples.png "$(<samples.png)" mine
  is_clean sample.yaml samples.png
}

BenchTellsWhatANodeSays() {
  mkdir temporary pictures
  export TMPDIR=$away/temporary
  echo 'no picture' >pictures/broken.png
  echo 'nodes: {files: {type: image_folder, path: pictures}, small: {type: resize, in: files, size: 8}}' >pack.yaml
  run bench pack.yaml
  is status "$status" 1
  has err "$err" "node 'files' (image_folder): "
  is_clean pack.yaml pictures
}

BenchCleansUpWhenItIsInterrupted() {
  mkdir temporary
  export TMPDIR=$away/temporary
  small_training >train.yaml
  "$program" bench train.yaml --seconds 600 >out.txt 2>err.txt &
  local bench=$!
  until [[ -e $(echo temporary/*/001/machine.json) ]]; do kill -0 "$bench"; done
  kill -TERM "$bench"
  status=0
  wait "$bench" || status=$?
  is status "$status" 130
  is err "$(<err.txt)" 'run-pipeline bench: interrupted'
  is_clean train.yaml
}

"$2"
